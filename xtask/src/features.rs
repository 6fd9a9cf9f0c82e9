//! The features of the allocator's crate: together, apart, and in every
//! combination. What they are stands in its `Cargo.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use toml::{Table, Value};

use crate::step::Outcome;
use crate::workspace;

const MANIFEST: &str = "allocator/Cargo.toml";
/// Needs glibc, linked dynamically.
const GLIBC_ONLY: &[&str] = &["c-heap"];

/// Each feature with the features that it brings along.
type Features = BTreeMap<String, BTreeSet<String>>;

/// The ends: nothing, what is on unless told otherwise, and everything.
pub fn check_ends() -> Result<Outcome> {
    let all: Vec<String> = declared()?.into_keys().collect();
    check(&["--no-default-features"])?;
    check(&[])?;
    check(&["--features", &all.join(",")])
}

/// Every combination, but those that come to the same.
pub fn check_all() -> Result<Outcome> {
    let combinations = combinations(&declared()?);
    println!("{} combinations", combinations.len());
    for combination in &combinations {
        let list: Vec<&str> = combination.iter().map(String::as_str).collect();
        check(&["--no-default-features", "--features", &list.join(",")])?;
    }
    Ok(Outcome::Done)
}

fn check(arguments: &[&str]) -> Result<Outcome> {
    let mut command = workspace::cargo(&["check", "-q", "-p", "scrubjay"])?;
    workspace::run(strictly(command.args(arguments))?)?;
    Ok(Outcome::Done)
}

/// Has a command fail on a warning, in a target folder that all of these share.
pub fn strictly(command: &mut Command) -> Result<&mut Command> {
    let folder = workspace::target()?.join("checks");
    Ok(command.env("RUSTFLAGS", "-D warnings").env("CARGO_TARGET_DIR", folder))
}

/// The features that do not need glibc.
pub fn without_glibc() -> Result<Vec<String>> {
    let names = declared()?.into_keys();
    Ok(names.filter(|name| !GLIBC_ONLY.contains(&name.as_str())).collect())
}

fn declared() -> Result<Features> {
    let text = fs::read_to_string(workspace::root()?.join(MANIFEST)).context(MANIFEST)?;
    let manifest: Table = text.parse().context(MANIFEST)?;
    Ok(features(&manifest))
}

/// The features of a manifest, `default` left out: it is a combination.
fn features(manifest: &Table) -> Features {
    let table = manifest.get("features").and_then(Value::as_table).cloned().unwrap_or_default();
    let direct = |name: &str| -> Vec<String> {
        let parts = table.get(name).and_then(Value::as_array).into_iter().flatten();
        let parts = parts.filter_map(Value::as_str).filter(|part| table.contains_key(*part));
        parts.map(str::to_owned).collect()
    };
    let with_all_it_brings = |name: &String| {
        let mut brought = BTreeSet::new();
        let mut open = vec![name.clone()];
        while let Some(next) = open.pop() {
            if brought.insert(next.clone()) {
                open.extend(direct(&next));
            }
        }
        (name.clone(), brought)
    };
    table.keys().filter(|name| *name != "default").map(with_all_it_brings).collect()
}

/// Every set of features that a choice of some comes to.
fn combinations(features: &Features) -> BTreeSet<BTreeSet<String>> {
    let mut sets = BTreeSet::from([BTreeSet::new()]);
    for brought in features.values() {
        let with: Vec<BTreeSet<String>> =
            sets.iter().map(|set| set.union(brought).cloned().collect()).collect();
        sets.extend(with);
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[features]\ndefault = [\"a\"]\na = []\nb = [\"dep:x\", \"a\"]\n\
                            c = [\"b\", \"y/z\"]\nd = [\"y?/z\"]\n";

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn features_come_from_the_manifest_with_what_they_bring() {
        let features = features(&MANIFEST.parse().unwrap());
        let expected =
            [("a", &["a"][..]), ("b", &["a", "b"]), ("c", &["a", "b", "c"]), ("d", &["d"])];
        let expected: Features =
            expected.into_iter().map(|(name, brought)| (name.to_owned(), set(brought))).collect();
        assert_eq!(features, expected);
    }

    #[test]
    fn each_combination_comes_once() {
        let combinations = combinations(&features(&MANIFEST.parse().unwrap()));
        // Of a, b and c, each brings the last along: 4 of 8; each with d and without.
        assert_eq!(combinations.len(), 8);
        assert!(combinations.contains(&set(&[])) && combinations.contains(&set(&["a", "b", "d"])));
    }
}
