//! `cargo xtask foreign`: programs that this project did not write, with C
//! libraries in them, run their own tests as they are, and once more with
//! scrubjay in the place of `malloc`. The same tests must pass.
//!
//! The packages come as cargo gets every other; a copy of each is changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use scrubjay_log_format::{cell as words_of, process};
use scrubjay_tests::log::Log;
use serde_json::Value;

use crate::step::Outcome;
use crate::{tools, workspace};

/// A package with a C library in it and tests of its own.
struct Foreign {
    name: &'static str,
    version: &'static str,
    /// All that are wanted: the default ones may ask for libraries of the system.
    features: &'static [&'static str],
}

const FOREIGN: &[Foreign] = &[
    Foreign {
        name: "rusqlite",
        version: "0.37.0",
        features: &[
            "bundled",
            "array",
            "backup",
            "blob",
            "collation",
            "functions",
            "hooks",
            "limits",
            "series",
            "trace",
            "vtab",
            "window",
        ],
    },
    Foreign { name: "git2", version: "0.21.0", features: &["vendored-libgit2"] },
];

/// Put at the end of each crate that holds tests.
const ALLOCATOR: &str = "
#[cfg(test)]
#[global_allocator]
static SCRUBJAY: scrubjay::Scrubjay = scrubjay::Scrubjay::new();
";

/// Runs all of them.
pub fn run(arguments: &[String]) -> Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("foreign takes no argument, not {argument:?}");
    }
    match step()? {
        Outcome::Done => Ok(()),
        Outcome::Skipped(why) => bail!("{why}"),
    }
}

/// As a step of another chore.
pub fn step() -> Result<Outcome> {
    if !tools::has("cc", &["--version"]) {
        return Ok(Outcome::Skipped("needs a C compiler that is called cc".to_owned()));
    }
    let folder = workspace::target()?.join("foreign");
    for foreign in FOREIGN {
        foreign.run(&folder)?;
    }
    Ok(Outcome::Done)
}

/// What of the memory of C was counted, over all processes of a suite.
#[derive(Default)]
struct Counted {
    processes: u64,
    blocks: u64,
    bytes: u64,
    wiped: u64,
    strays: u64,
}

impl Foreign {
    fn run(&self, folder: &Path) -> Result<()> {
        let Self { name, version, .. } = self;
        println!("\n{name} {version}");
        let source = self.fetch(&folder.join("fetch"))?;
        let alone = folder.join(name).join("alone");
        copy(&source, &alone)?;
        append(&alone.join("Cargo.toml"), "\n[workspace]\n")?;
        let watched = folder.join(name).join("watched");
        copy(&source, &watched)?;
        self.put_scrubjay_in(&watched)?;
        let logs = folder.join(name).join("logs");
        workspace::remove(&logs)?;
        fs::create_dir_all(&logs)?;

        let expected = passed(&mut self.tests(&alone, folder)?)?;
        ensure!(!expected.is_empty(), "{name} has no tests");
        println!("  as it is: {} tests pass", expected.len());
        let mut command = self.tests(&watched, folder)?;
        command.env("SCRUBJAY_LOG", logs.join("%e-%p.jay")).env("SCRUBJAY_MODE", "count");
        let found = passed(&mut command)?;
        println!("  with scrubjay in the place of malloc: {} tests pass", found.len());
        ensure!(found == expected, "not the same tests: {:?}", expected.difference(&found));
        let counted = read(&logs)?;
        println!(
            "  C blocks in {} processes: {}, {} bytes, {} of them wiped; {} strays",
            counted.processes, counted.blocks, counted.bytes, counted.wiped, counted.strays
        );
        ensure!(counted.blocks > 1_000, "scrubjay was not there");
        Ok(())
    }

    /// Has cargo get the package; answers where it lies.
    fn fetch(&self, folder: &Path) -> Result<PathBuf> {
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
        let metadata: Value = serde_json::from_str(&metadata)?;
        let packages = metadata["packages"].as_array().context("cargo lists packages")?;
        let package = packages.iter().find(|package| package["name"] == *name);
        let manifest = package.and_then(|package| package["manifest_path"].as_str());
        let folder = manifest.map(Path::new).and_then(Path::parent);
        Ok(folder.with_context(|| format!("cargo does not know {name}"))?.to_owned())
    }

    fn put_scrubjay_in(&self, folder: &Path) -> Result<()> {
        let allocator = workspace::root()?.join("allocator");
        let manifest = format!(
            "\n[dev-dependencies.scrubjay]\npath = {allocator:?}\nfeatures = [\"c-heap\"]\n\
             \n[profile.dev.package.scrubjay]\nopt-level = 3\n\n[workspace]\n"
        );
        append(&folder.join("Cargo.toml"), &manifest)?;
        append(&folder.join("src/lib.rs"), ALLOCATOR)?;
        let tests = folder.join("tests");
        if tests.is_dir() {
            for entry in fs::read_dir(tests)? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "rs") {
                    append(&path, ALLOCATOR)?;
                }
            }
        }
        Ok(())
    }

    /// The package's own tests. Documentation is built without its allocator.
    fn tests(&self, folder: &Path, target: &Path) -> Result<Command> {
        let mut command = workspace::cargo(&["test", "--quiet", "--lib", "--tests"])?;
        command.args(["--no-default-features", "--features", &self.features.join(",")]);
        // One line a test.
        command.args(["--", "--format", "pretty"]);
        command.current_dir(folder).env("CARGO_TARGET_DIR", target.join("target"));
        // Nobody looks into them: a quarter of the space.
        command.env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
        Ok(command)
    }
}

/// Runs tests; answers the names of those that pass. A failure is an error.
fn passed(command: &mut Command) -> Result<BTreeSet<String>> {
    let output = workspace::output(command)?;
    let names = output.lines().filter_map(|line| {
        let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
        (result == "ok").then(|| name.to_owned())
    });
    Ok(names.collect())
}

/// What the logs of a suite say; an error where they say that C's memory was
/// not wiped, or damaged.
fn read(logs: &Path) -> Result<Counted> {
    let mut counted = Counted::default();
    for entry in fs::read_dir(logs)? {
        let log = Log::read(&entry?.path());
        let cell = log.cell(log.tag("c-heap"));
        ensure!(cell[words_of::UNWIPED_BYTES] == 0, "C's memory was released unwiped");
        ensure!(log.process[process::CORRUPTION_COUNT] == 0, "a block was damaged");
        counted.processes += 1;
        counted.blocks += cell[words_of::ALLOCATED_BLOCKS];
        counted.bytes += cell[words_of::ALLOCATED_BYTES];
        counted.wiped += cell[words_of::WIPED_BYTES];
        counted.strays += log.process[process::PASSED_THROUGH_COUNT];
    }
    Ok(counted)
}

fn append(path: &Path, text: &str) -> Result<()> {
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
