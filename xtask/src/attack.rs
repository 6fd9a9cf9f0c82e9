//! `cargo xtask attack`: another process looks for what programs have freed,
//! built as they are shipped.
//!
//! What the attacks must find and must not is said by the tests themselves, in
//! `tests/tests/attack` and `tests/tests/unkept`. Here is how they are built.

use anyhow::{Result, bail};

use crate::step::{Outcome, Steps};
use crate::workspace;

/// As programs are shipped.
const IN_RELEASE: &[&str] =
    &["test", "--release", "-p", "scrubjay-tests", "--test", "attack", "--test", "unkept"];
/// As those ship who want the most of the optimiser.
pub const WITH_FAT_LTO: &[&str] = &[
    "test",
    "--profile",
    "attack",
    "-p",
    "scrubjay-tests",
    "--test",
    "attack",
    "--test",
    "unkept",
];
/// With C's memory wiped, too: the scenarios of C code.
pub const ON_C_CODE: &[&str] = &[
    "test",
    "--profile",
    "attack",
    "-p",
    "scrubjay-tests",
    "--features",
    "c-heap",
    "--test",
    "attack",
    "c_code",
];

/// Runs the attack in all builds.
pub fn run(arguments: &[String]) -> Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("attack takes no argument, not {argument:?}");
    }
    let mut steps = Steps::default();
    steps.run("attack in release", || done(&mut workspace::cargo(IN_RELEASE)?));
    steps.run("attack with LTO", || done(&mut workspace::cargo(WITH_FAT_LTO)?));
    beyond_ci(&mut steps);
    steps.finish()
}

/// What takes too long for `ci`.
pub fn beyond_ci(steps: &mut Steps) {
    steps.run("attack on C code", || {
        // All scenarios with it, not only those of C code.
        let (_, all) = ON_C_CODE.split_last().unwrap_or((&"", &[]));
        done(&mut workspace::cargo(all)?)
    });
    steps.run("no barrier", without_the_barrier);
    steps.run("demo with LTO", demo_with_fat_lto);
}

/// What the optimiser makes of scrubjay's own overwriting where nothing keeps
/// it. It prints what is found and judges nothing: at present nothing is, since
/// counters are read between the overwriting and the release, and LLVM takes
/// them for readers of the block. `unkept` has no such luck.
fn without_the_barrier() -> Result<Outcome> {
    for profile in ["release", "attack"] {
        let arguments = ["test", "--profile", profile, "-p", "scrubjay-tests", "--test", "attack"];
        let mut command = workspace::cargo(&arguments)?;
        command.arg("no_scenario").env("RUSTFLAGS", "--cfg scrubjay_without_barrier");
        done(command.env("CARGO_TARGET_DIR", workspace::target()?.join("without-barrier")))?;
    }
    Ok(Outcome::Done)
}

/// The language model and its checks of residue, with fat LTO.
fn demo_with_fat_lto() -> Result<Outcome> {
    let mut command = workspace::cargo(&["run", "--release", "-p", "xtask", "--", "demo"])?;
    command.env("CARGO_PROFILE_RELEASE_LTO", "fat").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
    done(command.env("CARGO_TARGET_DIR", workspace::target()?.join("fat-lto")))
}

fn done(command: &mut std::process::Command) -> Result<Outcome> {
    workspace::run(command)?;
    Ok(Outcome::Done)
}
