//! The server as a process of its own, to be asked and to end by itself.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::arguments::Arguments;
use crate::error::Result;

/// A server that listens.
pub struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Process {
    /// Starts one.
    ///
    /// # Errors
    /// One that ends before it listens.
    pub fn start(arguments: &Arguments, process_budget: u64) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", "--workers", &arguments.workers.to_string()])
            .args(["--process-budget", &process_budget.to_string(), "--directory"])
            .arg(&arguments.directory)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on ").ok_or("it does not listen")?;
        let address = address.parse()?;
        Ok(Self { child, output, address })
    }

    /// Tells it to end; its last word, once it has.
    ///
    /// # Errors
    /// One that does not end well.
    pub fn finish(mut self) -> Result<Value> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let mut said = String::new();
        self.output.read_to_string(&mut said)?;
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("the server ended with {status}").into());
        }
        Ok(serde_json::from_str(&said)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; either way it must not outlive the check.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
