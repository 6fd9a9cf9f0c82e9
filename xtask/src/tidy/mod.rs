//! `cargo xtask tidy`: the rules of the house, over the sources.
//!
//! A rule that matters is a function here, with a test that shows it failing.
//! Rules that rustfmt, rustc or clippy know are theirs.

use anyhow::{Result, bail};

mod code;
mod dependencies;
mod layers;
mod project;
mod text;
mod tree;
mod unsafety;

use tree::Tree;

/// A place where a rule is broken.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    path: String,
    /// 1-based; 0 where the whole file is meant.
    line: usize,
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: &[Rule] = &[
    text::every_file_says_what_it_is_for,
    text::no_line_is_wider_than_100,
    text::nothing_is_left_over,
    text::no_path_of_a_machine,
    unsafety::unsafe_is_where_lib_rs_says,
    unsafety::unsafe_is_expected_with_a_reason,
    unsafety::some_crates_forbid_unsafe,
    unsafety::every_unsafe_has_its_safety,
    dependencies::every_dependency_is_used,
    dependencies::versions_stand_at_the_root,
    dependencies::the_root_lists_no_idle_dependency,
    layers::imports_go_downward,
    project::the_version_is_in_the_changelog_once,
    project::the_top_level_is_fixed,
];

/// Checks every rule and prints what breaks one.
pub fn run(arguments: &[String]) -> Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("tidy takes no argument, not {argument:?}");
    }
    let tree = Tree::of_workspace()?;
    let findings: Vec<_> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} places are not tidy", findings.len());
    }
    println!("tidy: {} rules hold over {} files", RULES.len(), tree.files().len());
    Ok(())
}
