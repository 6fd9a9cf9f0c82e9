//! How many crates the allocator takes unless told otherwise: the README says
//! it, and this says whether that is still so.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::step::Outcome;
use crate::workspace;

/// What stands before the figure in the README, and behind it.
const FIGURE: (&str, &str) = ("takes ", " crates from others");
/// Where the figure holds: stacks are for Linux alone.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Compares the README's figure with what cargo resolves.
pub fn check() -> Result<Outcome> {
    let arguments = ["tree", "--locked", "-p", "scrubjay", "-e", "normal", "--prefix", "none"];
    let mut command = workspace::cargo(&arguments)?;
    let tree = workspace::output(command.args(["--target", TARGET]))?;
    let names = names(&tree);
    let readme = fs::read_to_string(workspace::root()?.join("README.md")).context("README.md")?;
    let said = said(&readme)?;
    println!("{} crates from others: {}", names.len(), names.join(", "));
    if said != names.len() {
        bail!("README.md says {said} crates, cargo {}: {}", names.len(), names.join(", "));
    }
    Ok(Outcome::Done)
}

/// The crates of a tree that are not of this workspace, each once.
fn names(tree: &str) -> Vec<&str> {
    // `name v1.2.3`, then the folder of a package that is local, `(*)`, or a note.
    let theirs = tree.lines().filter(|line| !line.contains(" (/"));
    let names: BTreeSet<&str> = theirs.filter_map(|line| line.split_whitespace().next()).collect();
    names.into_iter().collect()
}

fn said(readme: &str) -> Result<usize> {
    let (before, after) = FIGURE;
    let end = readme.find(after).context("README.md does not say how many crates it takes")?;
    let start = readme[..end].rfind(before).context("no figure before it")? + before.len();
    let figure = readme[start..end].trim();
    figure.parse().with_context(|| format!("README.md: {figure:?} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_others_count_once() {
        let tree = "scrubjay v0.1.0 (/a/b)\nlibc v0.2.1\nspin v0.12.0\n\
                    scrubjay-log-format v0.1.0 (/a/b/c)\ncrc32fast v1.5.0\nlibc v0.2.1 (*)\n\n";
        assert_eq!(names(tree), ["crc32fast", "libc", "spin"]);
    }

    #[test]
    fn the_figure_is_found_in_a_sentence() {
        assert_eq!(said("It takes care.\nIt takes 9 crates from others:").unwrap(), 9);
        assert!(said("It takes no crates.").is_err());
        assert!(said("It takes many crates from others").is_err());
    }
}
