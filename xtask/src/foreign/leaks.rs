//! Packages of others run their own tests as they are, and once more with a leak
//! check on each. The same tests must pass, and a leak that is put in is found.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::package::{Package, append, ensure_same, passed};
use crate::workspace;

/// A package, and which of its files of tests: others wait for clocks.
struct Suite {
    package: Package,
    files: &'static [&'static str],
}

const SUITES: [Suite; 2] = [
    Suite {
        package: Package { name: "slab", version: "0.4.12", features: &["std"] },
        files: &["slab"],
    },
    // Threads in nearly all of them.
    Suite {
        package: Package { name: "crossbeam-channel", version: "0.5.17", features: &["std"] },
        files: &["array", "iter", "list", "same_channel", "thread_locals", "zero"],
    },
];

/// Put at the end of each file of tests.
const ALLOCATOR: &str = "
#[global_allocator]
static SCRUBJAY: scrubjay::Scrubjay =
    scrubjay::Scrubjay::with(scrubjay::Config::new().live_blocks(true).stacks(true));
";

/// And of one: a leak. Ignored in the suite, which has to pass; asked for by name
/// behind it, where it has to fail.
const PLANTED: &str = "
#[scrubjay::leak_check]
#[test]
#[ignore]
fn planted() {
    std::mem::forget(std::hint::black_box(vec![1_u8; 777]));
}
";

/// Runs all of them.
pub fn run(folder: &Path) -> Result<()> {
    SUITES.iter().try_for_each(|suite| suite.run(folder))
}

impl Suite {
    fn run(&self, folder: &Path) -> Result<()> {
        let Self { package, files } = self;
        println!("\n{} {}", package.name, package.version);
        let alone = package.copy(folder, "alone")?;
        append(&alone.join("Cargo.toml"), "\n[workspace]\n")?;
        let checked = package.copy(folder, "checked")?;
        let line = self.put_checks_in(&checked)?;

        let which: Vec<&str> = files.iter().flat_map(|file| ["--test", file]).collect();
        let expected = passed(&mut package.tests(&alone, folder, &which)?)?;
        ensure!(!expected.is_empty(), "{} has no tests", package.name);
        println!("  as it is: {} tests pass", expected.len());
        let found = passed(&mut package.tests(&checked, folder, &which)?)?;
        println!("  with a leak check on each: {} tests pass", found.len());
        ensure_same(&expected, &found)?;

        let mut command = package.tests(&checked, folder, &which[..2])?;
        command.args(["--ignored", "--exact", "planted"]);
        let output = command.output().with_context(|| workspace::shown(&command))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let place = format!("tests/{}.rs:{line} ", files[0]);
        let told = said.lines().find(|line| line.contains(&place));
        let told = told.with_context(|| format!("{place}is not told of:\n{said}"))?;
        ensure!(said.contains("nothing reaches it"), "it is not lost:\n{said}");
        println!("  and one that leaks is found: {}", told.trim());
        Ok(())
    }

    /// Answers in which line of the first file something leaks.
    fn put_checks_in(&self, source: &Path) -> Result<usize> {
        let allocator = workspace::root()?.join("allocator");
        let profile = ["scrubjay", "addr2line", "backtrace", "gimli", "miniz_oxide", "object"]
            .map(|package| format!("{package} = {{ opt-level = 3 }}\n"))
            .concat();
        let manifest = format!(
            "\n[dev-dependencies.scrubjay]\npath = {allocator:?}\nfeatures = [\"leak-check\"]\n\
             \n[profile.dev.package]\n{profile}\n[workspace]\n"
        );
        append(&source.join("Cargo.toml"), &manifest)?;
        let mut line = None;
        for file in self.files {
            let path = source.join("tests").join(format!("{file}.rs"));
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let planted = if line.is_none() { PLANTED } else { "" };
            let text = text.replace("#[test]", "#[scrubjay::leak_check]\n#[test]");
            let text = text + ALLOCATOR + planted;
            let leaks = |line: &str| line.contains("std::mem::forget(std::hint");
            line = line.or_else(|| Some(1 + text.lines().position(leaks)?));
            fs::write(path, text)?;
        }
        line.context("there is a file of tests")
    }
}
