//! Rules about dependencies: each is used, and its version stands at the root.

use toml::{Table, Value};

use super::Finding;
use super::code::{find_word, is_word};
use super::tree::Tree;

const ROOT: &str = "Cargo.toml";
const KINDS: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

/// Every dependency of a member is named somewhere in the member's code.
pub fn every_dependency_is_used(tree: &Tree) -> Vec<Finding> {
    let members = members(tree);
    let mut findings = Vec::new();
    for member in &members {
        let folder = format!("{}/", member.folder);
        // A package inside another's folder is none of its code.
        let nested: Vec<String> = members
            .iter()
            .map(|other| format!("{}/", other.folder))
            .filter(|other| *other != folder && other.starts_with(&folder))
            .collect();
        for (name, _) in &member.dependencies {
            let used = tree.rust().any(|file| {
                file.path.starts_with(&folder)
                    && !nested.iter().any(|nested| file.path.starts_with(nested))
                    && names_crate(&file.code, &name.replace('-', "_"))
            });
            if !used {
                let what = format!("no file uses the dependency {name}");
                findings.push(Finding::new(&member.manifest, 0, what));
            }
        }
    }
    findings
}

/// A member takes a dependency's version from the workspace.
pub fn versions_stand_at_the_root(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in members(tree) {
        for (name, value) in &member.dependencies {
            let inherited = value.get("workspace").and_then(Value::as_bool).unwrap_or(false);
            if !inherited {
                let what = format!("{name} is not taken from [workspace.dependencies]");
                findings.push(Finding::new(&member.manifest, 0, what));
            }
        }
    }
    findings
}

/// The root lists no dependency that no member takes.
pub fn the_root_lists_no_idle_dependency(tree: &Tree) -> Vec<Finding> {
    let members = members(tree);
    let listed = manifest(tree, ROOT)
        .and_then(|root| root.get("workspace")?.get("dependencies")?.as_table().cloned())
        .unwrap_or_default();
    let taken = |name: &str| {
        members.iter().any(|member| member.dependencies.iter().any(|(taken, _)| taken == name))
    };
    listed
        .keys()
        .filter(|name| !taken(name))
        .map(|name| Finding::new(ROOT, 0, format!("no member takes the dependency {name}")))
        .collect()
}

struct Member {
    folder: String,
    manifest: String,
    dependencies: Vec<(String, Value)>,
}

fn members(tree: &Tree) -> Vec<Member> {
    let names = manifest(tree, ROOT)
        .and_then(|root| root.get("workspace")?.get("members")?.as_array().cloned())
        .unwrap_or_default();
    names
        .iter()
        .filter_map(Value::as_str)
        .filter_map(|folder| {
            let path = format!("{folder}/Cargo.toml");
            let dependencies = dependencies(&manifest(tree, &path)?);
            Some(Member { folder: folder.to_owned(), manifest: path, dependencies })
        })
        .collect()
}

fn manifest(tree: &Tree, path: &str) -> Option<Table> {
    tree.file(path)?.text.parse().ok()
}

/// Of every kind, those for some targets alone included.
fn dependencies(manifest: &Table) -> Vec<(String, Value)> {
    let mut tables = vec![manifest];
    let targets = manifest.get("target").and_then(Value::as_table);
    tables.extend(targets.into_iter().flat_map(Table::values).filter_map(Value::as_table));
    tables
        .iter()
        .flat_map(|table| KINDS.iter().filter_map(|kind| table.get(*kind)?.as_table()))
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Whether code says `name::` or `use name`, as itself and not as a module's.
fn names_crate(code: &str, name: &str) -> bool {
    let mut from = 0;
    while let Some(at) = find_word(&code[from..], name).map(|at| from + at) {
        let before = code[..at].trim_end();
        let after = code[at + name.len()..].trim_start();
        let of_a_path = before.ends_with("::") && {
            let path = before.trim_end_matches("::");
            // `::name` is the crate; `other::name` is not.
            path.ends_with(is_word) || path.ends_with('>')
        };
        let imported = before.ends_with("use") || before.ends_with("extern crate");
        if !of_a_path && (after.starts_with("::") || imported) {
            return true;
        }
        from = at + name.len();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree;
    use super::*;

    const WORKSPACE: (&str, &str) = (
        "Cargo.toml",
        "[workspace]\nmembers = [\"a\", \"a/b\"]\n\
         [workspace.dependencies]\nused-one = \"1\"\nidle = \"1\"\nlinux = \"1\"\n",
    );
    const A: (&str, &str) = (
        "a/Cargo.toml",
        "[dependencies]\nused-one.workspace = true\nother = \"2\"\n\
         [target.'cfg(unix)'.dependencies]\nlinux = { workspace = true }\n",
    );
    const B: (&str, &str) = ("a/b/Cargo.toml", "");

    #[test]
    fn a_dependency_that_no_file_uses_is_found() {
        let tree = tree(&[
            WORKSPACE,
            A,
            B,
            ("a/src/lib.rs", "use used_one::x; // other::y\nfn f() { inner::linux::g() }\n"),
            ("a/b/src/lib.rs", "use other::y;\n"),
        ]);
        let found: Vec<_> = every_dependency_is_used(&tree).into_iter().map(|f| f.what).collect();
        let expected = ["other", "linux"].map(|name| format!("no file uses the dependency {name}"));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_version_that_a_member_chose_is_found() {
        let found = versions_stand_at_the_root(&tree(&[WORKSPACE, A, B]));
        assert_eq!(found.len(), 1);
        assert!(found[0].what.starts_with("other "), "{}", found[0]);
    }

    #[test]
    fn a_dependency_that_no_member_takes_is_found() {
        let found = the_root_lists_no_idle_dependency(&tree(&[WORKSPACE, A, B]));
        assert_eq!(found.len(), 1);
        assert!(found[0].what.ends_with(" idle"), "{}", found[0]);
    }
}
