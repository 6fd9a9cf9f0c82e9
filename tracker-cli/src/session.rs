//! What all commands share: options, the answer's way out, and what is said
//! beside it.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::analysis::damage::{Damage, Damages};
use crate::analysis::file::LogFile;
use crate::analysis::ledger::Ledger;
use crate::analysis::notes::NoteRow;
use crate::error::{EXIT_FINDINGS, EXIT_FINE, Error};
use crate::output::{Color, Output};
use crate::progress::Progress;

/// The version of what `--json` writes, described in JSON.md.
pub const SCHEMA_VERSION: u32 = 1;

/// Options of every command.
#[derive(Debug, Args)]
pub struct Shared {
    /// Write JSON instead of text
    #[arg(long, global = true)]
    json: bool,
    /// Write the answer to a file instead of stdout
    #[arg(long, short, global = true, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite the output file if it is there already
    #[arg(long, global = true, requires = "output")]
    force: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
    /// Say on stderr what is being done; twice for more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

impl Shared {
    /// Sends diagnostics to stderr where they were asked for.
    pub fn start_diagnostics(&self) {
        let level = match self.verbose {
            0 => return,
            1 => tracing::Level::DEBUG,
            _ => tracing::Level::TRACE,
        };
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .without_time()
            .with_target(false);
        // A second command line in one process finds it in place.
        drop(subscriber.try_init());
    }
}

/// One command being answered.
pub struct Session<'s> {
    shared: &'s Shared,
    /// Where the answer goes.
    pub out: Output,
    stderr: &'s mut dyn Write,
    has_findings: bool,
    notes: Vec<NoteRow>,
}

/// What every JSON answer begins and ends with.
#[derive(Serialize)]
struct Document<'a, T> {
    schema_version: u32,
    command: &'static str,
    log: LogName<'a>,
    notes: &'a [NoteRow],
    #[serde(flatten)]
    body: &'a T,
    damage_count: u64,
    damage: &'a [Damage],
}

#[derive(Serialize)]
struct LogName<'a> {
    path: &'a Path,
    size_bytes: u64,
    program: &'a str,
    process_id: u32,
    host: &'a str,
}

impl<'s> Session<'s> {
    /// Prepares the answer's way out.
    ///
    /// # Errors
    /// Where the output file exists and must not be overwritten.
    pub fn new(
        shared: &'s Shared,
        stdout: Box<dyn Write>,
        stderr: &'s mut dyn Write,
    ) -> Result<Self, Error> {
        let out = match &shared.output {
            Some(path) => Output::to_file(path, shared.force)?,
            None => Output::to_stdout(stdout, shared.color),
        };
        Ok(Self { shared, out, stderr, has_findings: false, notes: Vec::new() })
    }

    /// Whether JSON was asked for.
    pub fn is_json(&self) -> bool {
        self.shared.json
    }

    /// Whether an output file that is there is overwritten.
    pub fn is_forced(&self) -> bool {
        self.shared.force
    }

    /// Whether lines should fit a terminal.
    pub fn is_narrow(&self) -> bool {
        self.shared.output.is_none() && std::io::stdout().is_terminal()
    }

    /// Opens a log; it must not be where the answer goes.
    ///
    /// # Errors
    /// Where it cannot be read, or would be overwritten.
    pub fn open(&self, path: &Path) -> Result<LogFile, Error> {
        if let Some(output) = self.out.path()
            && let (Ok(output), Ok(log)) = (output.canonicalize(), path.canonicalize())
            && output == log
        {
            let message = format!("{}: the answer would overwrite the log", path.display());
            return Err(Error::Usage(message));
        }
        let file = LogFile::open(path)?;
        tracing::debug!(path = %path.display(), size = file.size(), "log opened");
        Ok(file)
    }

    /// Reads a log's ledger, and remembers what the program noted.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn ledger(&mut self, file: &LogFile) -> Result<Ledger, Error> {
        let ledger = Ledger::read(file, &self.progress("reading", file))?;
        self.notes = ledger.notes.rows();
        self.out.set_notes(&self.notes);
        Ok(ledger)
    }

    /// A progress bar for one way through the log.
    pub fn progress(&self, what: &'static str, file: &LogFile) -> Progress {
        Progress::new(what, file.size())
    }

    /// Writes the answer as one JSON document.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn json<T: Serialize>(
        &mut self,
        command: &'static str,
        file: &LogFile,
        body: &T,
        damages: &Damages,
    ) -> Result<(), Error> {
        let log = LogName {
            path: file.path(),
            size_bytes: file.size(),
            program: &file.header.program,
            process_id: file.header.process_id,
            host: &file.header.host,
        };
        let (damage_count, damage) = (damages.count(), damages.kept());
        let document = Document {
            schema_version: SCHEMA_VERSION,
            command,
            log,
            notes: &self.notes,
            body,
            damage_count,
            damage,
        };
        serde_json::to_writer_pretty(&mut self.out, &document).map_err(std::io::Error::from)?;
        writeln!(self.out)?;
        Ok(())
    }

    /// Says what could not be read, and remembers that there was something.
    pub fn report(&mut self, file: &LogFile, damages: &Damages) {
        if damages.is_empty() {
            return;
        }
        self.has_findings = true;
        let path = file.path().display().to_string();
        for damage in damages.kept() {
            self.say(&format!("{path}: {damage}"));
        }
        let unnamed = damages.count() - damages.kept().len() as u64;
        if unnamed > 0 {
            self.say(&format!("{path}: and {unnamed} more places that cannot be read"));
        }
        self.say(&format!("{path}: the answer lacks what stood there"));
    }

    /// Says something beside the answer.
    pub fn say(&mut self, line: &str) {
        // Where stderr is closed there is nobody to tell.
        let _ = writeln!(self.stderr, "scrubjay: {line}");
    }

    /// Remembers that something was found.
    pub fn found(&mut self) {
        self.has_findings = true;
    }

    /// Ends the answer; the exit code.
    ///
    /// # Errors
    /// Where the rest cannot be written.
    pub fn end(mut self) -> Result<u8, Error> {
        self.out.flush()?;
        Ok(if self.has_findings { EXIT_FINDINGS } else { EXIT_FINE })
    }
}
