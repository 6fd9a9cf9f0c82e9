//! `cargo xtask soak`: the long versions of the tests.

use anyhow::{Result, bail};

use crate::step::{Outcome, Steps};
use crate::{attack, batch, features, foreign, msrv, server, targets, tools, workspace};

/// Tests that see this run their full numbers.
const SOAK: (&str, &str) = ("SCRUBJAY_SOAK", "1");

/// Runs all steps.
pub fn run(arguments: &[String]) -> Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("soak takes no argument, not {argument:?}");
    }
    let mut steps = Steps::default();
    steps.run("tools", || {
        for why in [tools::valgrind(), tools::heaptrack()].into_iter().filter_map(Result::err) {
            println!("{why}");
        }
        Ok(Outcome::Done)
    });
    // Release first: its numbers are the claims'; the dev profile has the
    // overflow checks.
    steps.run("tests in release", || tests(&["test", "--workspace", "--release"]));
    steps.run("tests", || tests(&["test", "--workspace"]));
    steps.run("attack with LTO", || tests(attack::WITH_FAT_LTO));
    attack::beyond_ci(&mut steps);
    steps.run("nextest", nextest);
    steps.run("features", features::check_all);
    steps.run("msrv", || msrv::check(&[]));
    steps.run("targets with features", targets::check_with_features);
    foreign::add(&mut steps);
    steps.run("server", server::long_step);
    batch::add(&mut steps);
    steps.run("miri", miri);
    steps.finish()
}

fn tests(arguments: &[&str]) -> Result<Outcome> {
    let mut command = workspace::cargo(arguments)?;
    workspace::run(command.arg("--no-fail-fast").env(SOAK.0, SOAK.1))?;
    Ok(Outcome::Done)
}

/// Leak checks where each test has a process to itself.
fn nextest() -> Result<Outcome> {
    if let Err(why) = tools::nextest() {
        return Ok(Outcome::Skipped(why));
    }
    let arguments = ["nextest", "run", "-p", "scrubjay-tests", "--test", "leak_checks"];
    tests(&arguments)?;
    tests(&[&arguments[..], &["--release"]].concat())
}

/// Unit tests under Miri: what they touch behind blocks and in the format's
/// bytes is theirs. What asks the system for more than files, Miri has not.
fn miri() -> Result<Outcome> {
    if let Err(why) = tools::miri() {
        return Ok(Outcome::Skipped(why));
    }
    let mut command = workspace::command("cargo", &["+nightly", "miri", "test", "--lib"])?;
    command.args(["-p", "scrubjay", "-p", "scrubjay-log-format"]);
    // Asks for the host's name.
    command.args(["--", "--skip", "placeholders_are_filled_in"]);
    workspace::run(command.env("MIRIFLAGS", "-Zmiri-disable-isolation"))?;
    Ok(Outcome::Done)
}
