//! `cargo xtask bench`: the cost table, and its record.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::{instructions, workspace};

/// Where records stand, one a run.
const RECORDS: &str = "benches/record";

/// Runs what the arguments ask for.
pub fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => comparison(&[]),
        // Three rounds: to see that it works, not to quote.
        ["--quick"] => comparison(&["--rounds", "3"]),
        ["--instructions"] => instructions::check().map(|_| ()),
        ["--update-instructions"] => instructions::update(),
        _ => bail!("bench takes --quick, --instructions or --update-instructions, not {words:?}"),
    }
}

fn comparison(options: &[&str]) -> Result<()> {
    let mut command =
        workspace::cargo(&["bench", "-p", "scrubjay-benches", "--bench", "comparison", "--"])?;
    if options.is_empty() {
        let folder = workspace::root()?.join(RECORDS);
        fs::create_dir_all(&folder).context(RECORDS)?;
        command.arg("--record").arg(folder);
    }
    workspace::run(command.args(options))
}
