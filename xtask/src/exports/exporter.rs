//! The program whose figures are looked at.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};

use crate::workspace;

const PROGRAM: &str = "exporter-over-scrubjay";

/// It serves while this lives.
pub struct Exporter {
    child: Child,
    /// Where its page is.
    pub address: String,
}

impl Exporter {
    /// Builds and starts it; its files are in the folder then.
    pub fn start(folder: &Path) -> Result<Self> {
        let package = ["-p", "scrubjay-tests", "--bin", PROGRAM];
        workspace::run(&mut workspace::cargo(&[&["build"], &package[..]].concat())?)?;
        let run = [&["run", "--quiet"], &package[..], &["--"]].concat();
        let mut command = workspace::cargo(&run)?;
        command.arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| workspace::shown(&command))?;
        let output = child.stdout.take().context("its output is a pipe")?;
        let mut address = String::new();
        let read = BufReader::new(output).read_line(&mut address);
        let exporter = Self { child, address: address.trim().to_owned() };
        read?;
        ensure!(!exporter.address.is_empty(), "{PROGRAM} serves nothing");
        Ok(exporter)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It ends when its input does.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
