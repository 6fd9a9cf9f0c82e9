//! `cargo xtask demo`: the main job on a real model, then the attack.

use anyhow::{Result, bail};

/// Runs the demo.
pub fn run(_arguments: &[String]) -> Result<()> {
    bail!("the demo is not here yet")
}
