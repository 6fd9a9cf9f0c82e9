//! `cargo xtask server`: the inference server under ten times the load that its memory
//! budget allows.
//!
//! The server is built over an allocator that counts what is out, and asked by 64
//! threads; see `check.rs` in `allocator/examples/inference-server`.

use std::process::Command;

use anyhow::{Result, bail};

use crate::step::Outcome;
use crate::workspace;

/// Seconds of each load, where a change waits for it.
const SECONDS: u32 = 4;
/// The same, where nobody does.
const SECONDS_IN_SOAK: u32 = 60;

/// Runs the check.
pub fn run(arguments: &[String]) -> Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("server takes no argument, not {argument:?}");
    }
    check(SECONDS).map(|_| ())
}

/// The step of `ci`.
pub fn step() -> Result<Outcome> {
    check(SECONDS)
}

/// The step of `soak`.
pub fn long_step() -> Result<Outcome> {
    check(SECONDS_IN_SOAK)
}

fn check(seconds: u32) -> Result<Outcome> {
    let server = workspace::build_example("inference-server", &["--features", "counted"])?;
    let folder = workspace::target()?.join("server");
    workspace::remove(&folder)?;
    let mut check = Command::new(server);
    check.args(["check", "--seconds", &seconds.to_string(), "--directory"]).arg(&folder);
    workspace::run(&mut check)?;
    Ok(Outcome::Done)
}
