//! Rules about the project as a whole: its version, its top level.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::Tree;

/// What must stand at the top.
const TOP: &[&str] =
    &["Cargo.toml", "README.md", "allocator", "benches", "tests", "tracker-cli", "xtask"];
/// What convention adds.
const TOP_BY_CONVENTION: &[&str] = &[
    ".cargo",
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "SECURITY.md",
    "clippy.toml",
    "rustfmt.toml",
];

/// The workspace's version heads one section of the changelog.
pub fn the_version_is_in_the_changelog_once(tree: &Tree) -> Vec<Finding> {
    let version = tree
        .file("Cargo.toml")
        .and_then(|file| file.text.parse::<toml::Table>().ok())
        .and_then(|root| {
            let version = root.get("workspace")?.get("package")?.get("version")?;
            version.as_str().map(str::to_owned)
        });
    let Some(version) = version else {
        return vec![Finding::new("Cargo.toml", 0, "gives the workspace no version")];
    };
    let changelog = tree.file("CHANGELOG.md").map_or("", |file| file.text.as_str());
    let heading = format!("## [{version}]");
    match changelog.lines().filter(|line| line.starts_with(&heading)).count() {
        1 => Vec::new(),
        count => {
            let what = format!("`{heading}` stands here {count} times, not once");
            vec![Finding::new("CHANGELOG.md", 0, what)]
        }
    }
}

/// The top level holds what the layout says and nothing else.
pub fn the_top_level_is_fixed(tree: &Tree) -> Vec<Finding> {
    let present: BTreeSet<&str> =
        tree.files().iter().filter_map(|file| file.path.split('/').next()).collect();
    let known = |name: &&str| TOP.contains(name) || TOP_BY_CONVENTION.contains(name);
    let strange = present
        .iter()
        .filter(|name| !known(name))
        .map(|name| Finding::new(name, 0, "does not belong at the top level"));
    let missing = TOP
        .iter()
        .filter(|name| !present.contains(**name))
        .map(|name| Finding::new(name, 0, "is missing from the top level"));
    strange.chain(missing).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree;
    use super::*;

    const MANIFEST: (&str, &str) = ("Cargo.toml", "[workspace.package]\nversion = \"1.2.3\"\n");

    #[test]
    fn a_version_that_is_missing_or_doubled_in_the_changelog_is_found() {
        for (changelog, findings) in [
            ("## [1.2.3] - 2025-01-01\n## [1.2.2]\n", 0),
            ("## [1.2.2]\nsee 1.2.3\n", 1),
            ("## [1.2.3]\n## [1.2.3]\n", 1),
        ] {
            let tree = tree(&[MANIFEST, ("CHANGELOG.md", changelog)]);
            assert_eq!(the_version_is_in_the_changelog_once(&tree).len(), findings, "{changelog}");
        }
    }

    #[test]
    fn a_stranger_and_a_gap_at_the_top_level_are_found() {
        let paths =
            ["Cargo.toml", "allocator/a", "benches/b", "notes.md", "tests/t", "tracker-cli/c"];
        let tree = tree(&paths.map(|path| (path, "")));
        let found: Vec<_> = the_top_level_is_fixed(&tree).into_iter().map(|f| f.path).collect();
        assert_eq!(found, ["notes.md", "README.md", "xtask"]);
    }
}
