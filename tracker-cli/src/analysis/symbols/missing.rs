//! Which symbols are missing, and how to get them.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::text;

/// A module some of whose addresses are not known by function and line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The module's path as the log has it; empty for addresses in none.
    pub module: String,
    /// Its build-id in hexadecimal; empty where it has none.
    pub build_id: String,
    /// Addresses that were looked up.
    pub addresses: u64,
    /// Addresses whose function is not known.
    pub without_function: u64,
    /// Addresses whose function is known, and its line not.
    pub without_line: u64,
    /// Why, in a few words.
    pub why: String,
    /// Files that are not what the log asks for, each with the reason.
    pub refused: Vec<String>,
    /// Where a file with symbols was looked for.
    pub looked_in: Vec<PathBuf>,
}

impl Missing {
    /// The last part of the module's path.
    pub fn name(&self) -> &str {
        self.module.rsplit('/').next().unwrap_or(&self.module)
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        if self.module.is_empty() {
            return "nothing helps: the log does not say which file they come from".into();
        }
        let name = self.name();
        if self.build_id.is_empty() {
            return format!(
                "give the folder of {name} or its debug file with --symbols DIR; \
                 link with --build-id to have it checked"
            );
        }
        format!(
            "give the folder of {name} or its debug file with that build-id with --symbols DIR; \
             Linux distributions have it in the package's debug symbols (-dbgsym, -debuginfo)"
        )
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let module = if self.module.is_empty() { "no known module" } else { &self.module };
        write!(out, "{module}")?;
        if !self.build_id.is_empty() {
            write!(out, " (build-id {})", self.build_id)?;
        }
        let of = text::plural(self.addresses, "frame");
        match (self.without_function, self.without_line) {
            (0, lines) => write!(out, ": {} of {of} without a line", text::count(lines))?,
            (names, 0) => write!(out, ": {} of {of} without a symbol", text::count(names))?,
            (names, lines) => {
                let (names, lines) = (text::count(names), text::count(lines));
                write!(out, ": {names} of {of} without a symbol, {lines} without a line")?;
            }
        }
        write!(out, ": {}", self.why)?;
        for refused in &self.refused {
            write!(out, "; {refused}")?;
        }
        Ok(())
    }
}
