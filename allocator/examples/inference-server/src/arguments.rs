//! The command line.

use std::path::PathBuf;

use crate::error::Result;

/// What `--help` says.
pub const USAGE: &str = "\
inference-server [serve | check | load]: a small language model over HTTP

  POST /generate?tokens=NUMBER&context=NUMBER   the body is the prompt
  GET /metrics    OpenMetrics
  GET /report     the ledger and the budgets, as JSON

serve answers requests until SIGTERM. check has a server, a process of its own,
under ten times the load that its budget allows, and looks whether it keeps its
promises. load only measures.

  --directory PATH       where weights and bills go (default: .)
  --port NUMBER          of the loopback interface; 0: any (default: 0)
  --workers NUMBER       threads that compute (default: 64)
  --process-budget BYTES what the process may have (default: 33554432)
  --clients NUMBER       threads that ask, in check and load (default: 64)
  --seconds NUMBER       how long they do (default: 5)";

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Answer requests.
    Serve,
    /// See whether a server keeps its promises.
    Check,
    /// Measure one.
    Load,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// What to do.
    pub mode: Mode,
    /// Where files go.
    pub directory: PathBuf,
    /// Of the loopback interface.
    pub port: u16,
    /// Threads that compute.
    pub workers: usize,
    /// What the process may have, in bytes.
    pub process_budget: u64,
    /// Threads that ask.
    pub clients: usize,
    /// How long they do.
    pub seconds: u64,
}

impl Arguments {
    /// Reads the command line; `None` if it only asked for help.
    ///
    /// # Errors
    /// An argument that is unknown or lacks its value.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut parsed = Self {
            mode: Mode::Serve,
            directory: PathBuf::from("."),
            port: 0,
            workers: 64,
            process_budget: 32 << 20,
            clients: 64,
            seconds: 5,
        };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "serve" => parsed.mode = Mode::Serve,
                "check" => parsed.mode = Mode::Check,
                "load" => parsed.mode = Mode::Load,
                "--directory" => parsed.directory = value()?.into(),
                "--port" => parsed.port = value()?.parse()?,
                "--workers" => parsed.workers = value()?.parse()?,
                "--process-budget" => parsed.process_budget = value()?.parse()?,
                "--clients" => parsed.clients = value()?.parse()?,
                "--seconds" => parsed.seconds = value()?.parse()?,
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("unknown argument {name}; see --help").into()),
            }
        }
        Ok(Some(parsed))
    }
}
