//! Programs with C libraries in them run their own tests as they are, and once
//! more with scrubjay in the place of `malloc`. The same tests must pass.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use scrubjay_log_format::{cell as words_of, process};
use scrubjay_tests::log::Log;

use super::package::{Package, append, ensure_same, passed};
use crate::step::Outcome;
use crate::{tools, workspace};

/// Each has a C library in it.
const PACKAGES: &[Package] = &[
    Package {
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
    Package { name: "git2", version: "0.21.0", features: &["vendored-libgit2"] },
];

/// Put at the end of each crate that holds tests.
const ALLOCATOR: &str = "
#[cfg(test)]
#[global_allocator]
static SCRUBJAY: scrubjay::Scrubjay = scrubjay::Scrubjay::new();
";

/// Runs all of them.
pub fn run(folder: &Path) -> Result<Outcome> {
    if !tools::has("cc", &["--version"]) {
        return Ok(Outcome::Skipped("needs a C compiler that is called cc".to_owned()));
    }
    for package in PACKAGES {
        check(package, folder)?;
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

fn check(package: &Package, folder: &Path) -> Result<()> {
    let Package { name, version, .. } = package;
    println!("\n{name} {version}");
    let alone = package.copy(folder, "alone")?;
    append(&alone.join("Cargo.toml"), "\n[workspace]\n")?;
    let watched = package.copy(folder, "watched")?;
    put_scrubjay_in(&watched)?;
    let logs = folder.join(name).join("logs");
    workspace::remove(&logs)?;
    fs::create_dir_all(&logs)?;

    let tests = |source: &Path| -> Result<Command> {
        let mut command = package.tests(source, folder, &["--lib", "--tests"])?;
        // Nobody looks into them: a quarter of the space.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        Ok(command)
    };
    let expected = passed(&mut tests(&alone)?)?;
    ensure!(!expected.is_empty(), "{name} has no tests");
    println!("  as it is: {} tests pass", expected.len());
    let mut command = tests(&watched)?;
    command.env("SCRUBJAY_LOG", logs.join("%e-%p.jay")).env("SCRUBJAY_MODE", "count");
    let found = passed(&mut command)?;
    println!("  with scrubjay in the place of malloc: {} tests pass", found.len());
    ensure_same(&expected, &found)?;
    let counted = read(&logs)?;
    println!(
        "  C blocks in {} processes: {}, {} bytes, {} of them wiped; {} strays",
        counted.processes, counted.blocks, counted.bytes, counted.wiped, counted.strays
    );
    ensure!(counted.blocks > 1_000, "scrubjay was not there");
    Ok(())
}

fn put_scrubjay_in(folder: &Path) -> Result<()> {
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
