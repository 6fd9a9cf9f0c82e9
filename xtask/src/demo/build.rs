//! Builds what the demo runs, and says so while it does.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use crate::workspace;

/// The programs that the demo runs.
pub struct Programs {
    /// The language model.
    pub model: PathBuf,
    /// The command line that reads logs.
    pub tracker: PathBuf,
}

/// Builds both, as they would be shipped.
pub fn build() -> Result<Programs> {
    println!("The demo builds a language model (candle, tokenizers) and the command line:");
    println!("some five minutes on two cores the first time, seconds after that. Then it runs the");
    println!("model, shows what its log tells, and attacks its memory: two minutes more.\n");
    let start = Instant::now();
    let mut tracker = workspace::cargo(&["build", "--release", "--package", "scrubjay-cli"])?;
    workspace::run(&mut tracker)?;
    let model = workspace::build_example("language-model", &[])?;
    println!("built in {} s", start.elapsed().as_secs());
    Ok(Programs { model, tracker: workspace::target()?.join("release/scrubjay") })
}
