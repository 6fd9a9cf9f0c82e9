//! Upkeep of the log file.

mod dump;
mod dump_pressure;
mod dump_scans;
mod dump_sites;
mod dump_symbols;
mod dump_vitals;
mod info;
mod symbolize;
mod verify;

use clap::Subcommand;

use super::Log;
use crate::error::Error;
use crate::session::Session;

/// The commands under `log`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What the file is made of
    Info(Log),
    /// Whether the file is sound: structure, checksums, journal against ledger,
    /// sites against both
    Verify(Log),
    /// Every record, one a line
    Dump(dump::Arguments),
    /// A copy of the log that carries its symbols, to be read anywhere
    ///
    /// Looks up all frames of all stacks and writes the log to --output with
    /// what it found at its end; all else stays as it is, byte for byte.
    /// Commands take the log's own symbols first.
    Symbolize(symbolize::Arguments),
}

impl Command {
    /// Answers; the exit code.
    pub fn run(&self, session: Session<'_>) -> Result<u8, Error> {
        match self {
            Self::Info(log) => info::run(log, session),
            Self::Verify(log) => verify::run(log, session),
            Self::Dump(arguments) => dump::run(arguments, session),
            Self::Symbolize(arguments) => symbolize::run(arguments, session),
        }
    }
}
