//! Texts that commands write: into the README, between marks, and as records.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace;

/// Where records stand, one a day.
pub const RECORDS: &str = "benches/record";

/// A place of the README: what it stands between.
pub struct Place {
    /// Also says what writes it.
    pub opening: &'static str,
    /// What ends it.
    pub closing: &'static str,
}

impl Place {
    /// Writes what stands there.
    pub fn fill(&self, text: &str) -> Result<()> {
        let readme = workspace::root()?.join("README.md");
        let old = fs::read_to_string(&readme).context("README.md")?;
        fs::write(&readme, self.filled(&old, text)?).context("README.md")
    }

    fn filled(&self, readme: &str, text: &str) -> Result<String> {
        let Self { opening, closing } = self;
        let start = readme.find(opening).context("README.md has no place for the table")?;
        let start = start + opening.len();
        let end = readme[start..].find(closing).context("README.md does not close the table")?;
        Ok(format!("{}\n{text}\n{}", &readme[..start], &readme[start + end..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_filled_and_the_rest_stays() {
        let place = Place { opening: "<!-- a -->\n", closing: "<!-- /a -->" };
        let new = place.filled("before\n<!-- a -->\nold\n<!-- /a -->\nafter\n", "| a |\n").unwrap();
        assert_eq!(new, "before\n<!-- a -->\n\n| a |\n\n<!-- /a -->\nafter\n");
    }
}
