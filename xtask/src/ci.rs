//! `cargo xtask ci`: everything that a change must pass.
//!
//! Within 45 minutes on two cores, from an empty target folder. What takes
//! longer stands in `soak`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::step::{Outcome, Steps};
use crate::{
    attack, demo, dependencies, exports, features, foreign, instructions, msrv, server, targets,
    tidy, tools, workspace,
};

/// Packages whose tests also run as their users build them.
const IN_RELEASE: &[&str] = &[
    "scrubjay",
    "scrubjay-log-format",
    "scrubjay-suppressions",
    "scrubjay-tests",
    "scrubjay-corpus",
    "scrubjay-portable",
    "scrubjay-cli",
];
/// Packages that are for this workspace alone.
const NOT_PUBLISHED: &[&str] =
    &["scrubjay-benches", "scrubjay-tests", "scrubjay-corpus", "scrubjay-portable", "xtask"];

/// Runs all steps, or those named.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut steps = Steps::only(arguments);
    let mut counted = TestCount::default();
    steps.run("tools", || {
        tools::rust_components()?;
        // Tests that need it say so themselves; `instructions` is the step that may go without.
        for why in [tools::valgrind(), tools::heaptrack()].into_iter().filter_map(Result::err) {
            println!("{why}");
        }
        Ok(Outcome::Done)
    });
    steps.run("format", || plain(&["fmt", "--all", "--check"]));
    steps.run("tidy", || tidy::run(&[]).map(|()| Outcome::Done));
    steps.run("clippy", || {
        // With the peers, whose programs no other step compiles.
        let features = "scrubjay-benches/peers,scrubjay-corpus/peers";
        let what = ["clippy", "--workspace", "--all-targets", "--features", features];
        plain(&[&what[..], &["--", "-D", "warnings"]].concat())
    });
    // The very command of the README.
    steps.run("tests", || counted.run(&["test", "--workspace"]));
    steps.run("tests in release", || {
        let mut arguments = vec!["test", "--release"];
        for package in IN_RELEASE {
            arguments.extend(["-p", package]);
        }
        counted.run(&arguments)
    });
    steps.run("memory of C", || {
        // A feature that takes the place of malloc, so in builds of its own.
        let what = ["-p", "scrubjay-tests", "--features", "c-heap", "--test", "c_heap"];
        plain(&[&["clippy"], &what[..], &["--", "-D", "warnings"]].concat())?;
        counted.run(&[&["test"], &what[..]].concat())?;
        counted.run(&[&["test", "--release"], &what[..]].concat())
    });
    steps.run("features", || {
        features::check_ends()?;
        // The other tests are built with what a leak check needs.
        counted.run(&["test", "-p", "scrubjay", "--lib", "--no-default-features"])
    });
    steps.run("dependencies", dependencies::check);
    steps.run("msrv", || msrv::check(NOT_PUBLISHED));
    steps.run("targets", targets::check);
    steps.run("elsewhere", || targets::test(|command| counted.run_command(command)));
    steps.run("frame pointers", || with_frame_pointers(&mut counted));
    // As debuggers have it, and as one gets it who sets no profile for packages.
    steps.run("unoptimised", || {
        let what = ["test", "-p", "scrubjay", "--lib", "capture", "--config"];
        let but = ["profile.dev.package.scrubjay.opt-level=0", "--", "--skip", "speed::"];
        counted.run(&[&what[..], &but].concat())
    });
    // In release it has run with the other tests.
    steps.run("attack with LTO", || {
        counted.run(attack::WITH_FAT_LTO)?;
        counted.run(attack::ON_C_CODE)
    });
    steps.run("benches as tests", benches_as_tests);
    steps.run("documentation", documentation);
    steps.run("package", package);
    steps.run("instructions", instructions::check);
    steps.run("exports", exports::check);
    foreign::drop_into_three(&mut steps);
    steps.run("server", server::step);
    steps.run("demo", || demo::run(&[]).map(|()| Outcome::Done));
    let finished = steps.finish();
    println!("\n{counted}");
    finished
}

/// What is claimed of stacks, in builds whose code keeps frame pointers.
fn with_frame_pointers(counted: &mut TestCount) -> Result<Outcome> {
    // Apart, so that these flags do not build everything anew.
    let target = workspace::target()?.join("frame-pointers");
    for profile in [&["test"][..], &["test", "--release"]] {
        let unit = ["-p", "scrubjay", "--lib", "capture"];
        let whole = ["-p", "scrubjay-tests", "--test", "stacks"];
        for what in [&unit[..], &whole[..]] {
            let mut command = tests(&[profile, what].concat())?;
            command.env("RUSTFLAGS", "-C force-frame-pointers=yes");
            command.env("CARGO_TARGET_DIR", &target);
            counted.run_command(command)?;
        }
    }
    Ok(Outcome::Done)
}

fn plain(arguments: &[&str]) -> Result<Outcome> {
    workspace::run(&mut workspace::cargo(arguments)?)?;
    Ok(Outcome::Done)
}

/// Each benchmark once, so that none rots between two cost tables.
fn benches_as_tests() -> Result<Outcome> {
    plain(&["bench", "-p", "scrubjay-benches", "--bench", "operations", "--", "--test"])?;
    plain(&["bench", "-p", "scrubjay-benches", "--bench", "comparison", "--", "--test"])
}

fn documentation() -> Result<Outcome> {
    let mut command = workspace::cargo(&["doc", "--workspace", "--no-deps"])?;
    command.env("RUSTDOCFLAGS", "-D warnings");
    without_a_warning(&mut command)
}

/// Packs and builds what will be published. Cargo lets the packages find each
/// other as if they were published already, so a path that only works in this
/// tree fails here.
fn package() -> Result<Outcome> {
    let mut arguments = vec!["package", "--workspace", "--allow-dirty"];
    for package in NOT_PUBLISHED {
        arguments.extend(["--exclude", package]);
    }
    // Cargo takes a package of the same version that was unpacked or built
    // before for this one, whatever has changed in it. So nothing is left.
    let folder = workspace::target()?.join("packages");
    workspace::remove(&folder)?;
    let mut command = workspace::cargo(&arguments)?;
    command.env("CARGO_TARGET_DIR", folder.join("target"));
    command.env("CARGO_HOME", home_without_sources(&folder)?);
    without_a_warning(&mut command)
}

/// A cargo home in this folder: what was downloaded is the user's, what is
/// unpacked is its own.
fn home_without_sources(folder: &Path) -> Result<PathBuf> {
    let theirs = workspace::cargo_home()?;
    let ours = folder.join("home");
    fs::create_dir_all(ours.join("registry"))?;
    for part in ["config.toml", "registry/index", "registry/cache"] {
        if theirs.join(part).exists() {
            symlink(theirs.join(part), ours.join(part)).with_context(|| part.to_owned())?;
        }
    }
    Ok(ours)
}

/// What cargo warns of when it asks a registry once more: no fault of ours.
const NET_RETRY: &str = "spurious network error";

/// Runs a command whose own warnings, cargo's, no flag turns into errors.
fn without_a_warning(command: &mut Command) -> Result<Outcome> {
    println!("$ {}", workspace::shown(command));
    let mut child = command.stderr(Stdio::piped()).spawn().context("cargo")?;
    let said = child.stderr.take().context("cargo has no standard error")?;
    let mut warned = false;
    for line in BufReader::new(said).lines() {
        let line = line.context("reading what cargo says")?;
        warned |= line.starts_with("warning:") && !line.contains(NET_RETRY);
        println!("{line}");
    }
    workspace::check(command, child.wait()?)?;
    if warned {
        bail!("cargo warned");
    }
    Ok(Outcome::Done)
}

/// What the test runs said, added up.
#[derive(Default, PartialEq, Eq, Debug)]
struct TestCount {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Cargo's tests, not only the first failing binary's. The first argument is `test`.
fn tests(arguments: &[&str]) -> Result<Command> {
    let (test, rest) = arguments.split_at(1);
    workspace::cargo(&[test, &["--no-fail-fast"], rest].concat())
}

impl TestCount {
    /// Runs cargo's tests, shows their output and adds up their results.
    fn run(&mut self, arguments: &[&str]) -> Result<Outcome> {
        self.run_command(tests(arguments)?)
    }

    fn run_command(&mut self, mut command: Command) -> Result<Outcome> {
        println!("$ {}", workspace::shown(&command));
        let mut child = command.stdout(Stdio::piped()).spawn().context("cargo test")?;
        let output = child.stdout.take().context("cargo test has no output")?;
        for line in BufReader::new(output).lines() {
            let line = line.context("reading what cargo test prints")?;
            self.add(&line);
            println!("{line}");
        }
        workspace::check(&command, child.wait()?)?;
        Ok(Outcome::Done)
    }

    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) =
            line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else { continue };
            let number: u64 = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for TestCount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tests: {} passed, {} failed", self.passed, self.failed)?;
        if self.ignored > 0 { write!(f, ", {} skipped", self.ignored) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_binaries_add_up() {
        let mut count = TestCount::default();
        count.add("running 3 tests");
        count.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        count.add("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured");
        assert_eq!(count, TestCount { passed: 4, failed: 2, ignored: 1 });
        assert_eq!(count.to_string(), "tests: 4 passed, 2 failed, 1 skipped");
    }
}
