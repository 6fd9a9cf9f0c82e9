//! A package of others: cargo gets it, a copy of it is changed, its tests run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::workspace;

/// A package with tests of its own.
pub struct Package {
    pub name: &'static str,
    pub version: &'static str,
    /// All that are wanted: the default ones may ask for libraries of the system.
    pub features: &'static [&'static str],
}

impl Package {
    /// A fresh copy of its source, in a folder of that name.
    pub fn copy(&self, folder: &Path, name: &str) -> Result<PathBuf> {
        let source = self.fetch(&folder.join("fetch"))?;
        let target = folder.join(self.name).join(name);
        copy(&source, &target)?;
        Ok(target)
    }

    /// A fresh copy of its source and of all that it may depend on, a folder each.
    pub fn copy_all(&self, folder: &Path, target: &Path) -> Result<()> {
        workspace::remove(target)?;
        let metadata = self.metadata(&folder.join("fetch"))?;
        for package in metadata["packages"].as_array().context("cargo lists packages")? {
            let is_fetched = package["source"].is_string();
            let manifest = package["manifest_path"].as_str().map(Path::new);
            if let (true, Some(source)) = (is_fetched, manifest.and_then(Path::parent)) {
                copy(source, &target.join(source.file_name().context("a folder has a name")?))?;
            }
        }
        Ok(())
    }

    /// Has cargo get the package; answers where it lies.
    fn fetch(&self, folder: &Path) -> Result<PathBuf> {
        let Self { name, .. } = self;
        let metadata = self.metadata(folder)?;
        let packages = metadata["packages"].as_array().context("cargo lists packages")?;
        let package = packages.iter().find(|package| package["name"] == *name);
        let manifest = package.and_then(|package| package["manifest_path"].as_str());
        let folder = manifest.map(Path::new).and_then(Path::parent);
        Ok(folder.with_context(|| format!("cargo does not know {name}"))?.to_owned())
    }

    /// Has cargo get the package; answers what it says of it and of what that needs.
    fn metadata(&self, folder: &Path) -> Result<Value> {
        let Self { name, version, features } = self;
        fs::create_dir_all(folder)?;
        fs::write(folder.join("lib.rs"), "")?;
        fs::write(
            folder.join("Cargo.toml"),
            format!(
                "[package]\nname = \"fetch\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n\
                 [workspace]\n[dependencies.{name}]\nversion = \"={version}\"\n\
                 default-features = false\nfeatures = {features:?}\n"
            ),
        )?;
        let mut command = workspace::cargo(&["metadata", "--format-version", "1"])?;
        let metadata = workspace::output(command.current_dir(folder))?;
        Ok(serde_json::from_str(&metadata)?)
    }

    /// Cargo's command for its own tests that are named so. Documentation is built
    /// without its allocator.
    pub fn tests(&self, source: &Path, folder: &Path, which: &[&str]) -> Result<Command> {
        let mut command = workspace::cargo(&["test", "--quiet"])?;
        command.args(which);
        command.args(["--no-default-features", "--features", &self.features.join(",")]);
        command.current_dir(source).env("CARGO_TARGET_DIR", folder.join("target"));
        // Nobody builds it again.
        command.env("CARGO_INCREMENTAL", "0");
        // One line a test.
        command.args(["--", "--format", "pretty"]);
        Ok(command)
    }
}

/// Runs tests; answers the names of those that pass, sorted: two files may have
/// tests of one name. A failure is an error.
pub fn passed(command: &mut Command) -> Result<Vec<String>> {
    let mut names: Vec<String> = passed_of(&workspace::output(command)?).collect();
    names.sort_unstable();
    Ok(names)
}

/// The names of those that passed, of what tests print.
pub fn passed_of(output: &str) -> impl Iterator<Item = String> {
    output.lines().filter_map(|line| {
        let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
        (result == "ok").then(|| name.to_owned())
    })
}

/// An error unless these are the same tests.
pub fn ensure_same(expected: &[String], found: &[String]) -> Result<()> {
    let missing: Vec<_> = expected.iter().filter(|test| !found.contains(test)).collect();
    ensure!(found == expected, "{} tests of {}; {missing:?}", found.len(), expected.len());
    Ok(())
}

/// Puts text at the end of a file.
pub fn append(path: &Path, text: &str) -> Result<()> {
    let old = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    fs::write(path, old + text)?;
    Ok(())
}

/// A fresh copy of a folder.
fn copy(from: &Path, to: &Path) -> Result<()> {
    workspace::remove(to)?;
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
