//! Other systems: the crate compiles for each of them, and the allocator that
//! stands in there is tested where its programs run.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::step::Outcome;
use crate::{features, tools, workspace};

/// What the README's table of other systems names, and a big-endian one.
const TARGETS: &[&str] = &[
    "aarch64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "i686-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
];
/// One whose programs run on a 64-bit machine that has the C library for it.
const NARROW: &str = "i686-unknown-linux-gnu";
/// One whose programs run on any Linux: the C library is linked in.
const MUSL: &str = "x86_64-unknown-linux-musl";
/// Has the small allocator stand in on Linux, too.
const STANDS_IN: &str = "--cfg scrubjay_elsewhere";
/// Tests that hold over both allocators.
const TESTS: &[&str] = &["test", "--no-fail-fast", "-p", "scrubjay-portable"];

/// Compiles the crate for each target that can be installed.
pub fn check() -> Result<Outcome> {
    check_with(None)
}

/// The same with every feature that is not glibc's alone.
pub fn check_with_features() -> Result<Outcome> {
    let features = features::without_glibc()?;
    check_with(Some(&features))
}

fn check_with(features: Option<&[String]>) -> Result<Outcome> {
    let mut checked = 0;
    for target in TARGETS {
        if let Err(why) = tools::target(target) {
            println!("SKIPPED {target}: {why}");
            continue;
        }
        let mut command = workspace::cargo(&["check", "-p", "scrubjay", "--target", target])?;
        if let Some(features) = features {
            command.args(["--features", &features.join(",")]);
        }
        workspace::run(features::strictly(&mut command)?)?;
        checked += 1;
    }
    match checked {
        0 => Ok(Outcome::Skipped("no target can be installed".to_owned())),
        _ => Ok(Outcome::Done),
    }
}

/// Runs the small allocator's tests: as it stands in here, and where it belongs;
/// and those that hold for both with musl. `run` adds up what the tests say.
pub fn test(mut run: impl FnMut(Command) -> Result<Outcome>) -> Result<Outcome> {
    let folder = folder()?;
    let mut run_in = |mut command: Command| {
        command.env("CARGO_TARGET_DIR", &folder);
        run(command)
    };
    for profile in [None, Some("--release")] {
        let mut command = workspace::cargo(TESTS)?;
        // Its unit tests, too; those of what it shares are among them.
        command.args(["-p", "scrubjay", "--lib", "--tests"]).args(profile);
        command.env("RUSTFLAGS", STANDS_IN);
        run_in(command)?;
    }
    let narrow = tools::target(NARROW).and_then(|()| tools::narrow_linker(&folder));
    for (target, missing) in [(NARROW, narrow.err()), (MUSL, tools::target(MUSL).err())] {
        if let Some(why) = missing {
            println!("SKIPPED {target}: {why}");
            continue;
        }
        let mut command = workspace::cargo(TESTS)?;
        command.args(["--target", target, "--release"]);
        run_in(command)?;
    }
    Ok(Outcome::Done)
}

/// Apart, so that the flag does not build everything anew.
fn folder() -> Result<PathBuf> {
    Ok(workspace::target()?.join("elsewhere"))
}
