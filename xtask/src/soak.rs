//! `cargo xtask soak`: the long versions of the tests.

use anyhow::{Result, bail};

use crate::step::{Outcome, Steps};
use crate::{tools, workspace};

/// Tests that see this run their full numbers.
const SOAK: (&str, &str) = ("SCRUBJAY_SOAK", "1");

/// Runs all steps.
pub fn run(arguments: &[String]) -> Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("soak takes no argument, not {argument:?}");
    }
    let mut steps = Steps::default();
    steps.run("tools", || {
        if let Err(why) = tools::valgrind() {
            println!("{why}");
        }
        Ok(Outcome::Done)
    });
    // Release first: its numbers are the claims'; the dev profile has the
    // overflow checks.
    steps.run("tests in release", || tests(&["test", "--workspace", "--release"]));
    steps.run("tests", || tests(&["test", "--workspace"]));
    steps.run("miri", miri);
    steps.finish()
}

fn tests(arguments: &[&str]) -> Result<Outcome> {
    let mut command = workspace::cargo(arguments)?;
    workspace::run(command.arg("--no-fail-fast").env(SOAK.0, SOAK.1))?;
    Ok(Outcome::Done)
}

/// The format's own tests under Miri. The allocator itself needs system calls
/// that Miri has not.
fn miri() -> Result<Outcome> {
    if let Err(why) = tools::miri() {
        return Ok(Outcome::Skipped(why));
    }
    let mut command = workspace::command("cargo", &["+nightly", "miri", "test"])?;
    workspace::run(command.args(["-p", "scrubjay-log-format"]))?;
    Ok(Outcome::Done)
}
