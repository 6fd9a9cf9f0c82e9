//! Why the program stops, each with its exit code and one clear line.

use std::io;
use std::path::PathBuf;

use scrubjay_log_format::FormatError;
use scrubjay_suppressions::toml_text::Fault;

/// The question was answered.
pub const EXIT_FINE: u8 = 0;
/// Something in the log is not as it should be.
pub const EXIT_FINDINGS: u8 = 1;
/// The command line asks for something that cannot be.
pub const EXIT_USAGE: u8 = 2;
/// A file could not be read, or the answer not be written.
pub const EXIT_UNREADABLE: u8 = 3;

/// What ends a command early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused to read the log.
    #[error("{}: {source}", path.display())]
    Read {
        /// The log.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The path names something that is not a file.
    #[error("{}: not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// The file header cannot be used, so nothing can.
    #[error("{}: offset 0: {source}", path.display())]
    Header {
        /// The log.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
    /// A text file says something that has no meaning.
    #[error("{}:{fault}", path.display())]
    Fault {
        /// The file.
        path: PathBuf,
        /// What it is, and on which line.
        fault: Fault,
    },
    /// The question does not fit this log.
    #[error("{0}")]
    Usage(String),
    /// The output file is there already.
    #[error("{}: exists already; --force overwrites it", .0.display())]
    Exists(PathBuf),
    /// A file could not be written.
    #[error("{}: {source}; nothing was written", path.display())]
    Save {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The answer could not be written.
    #[error("the answer could not be written: {0}")]
    Write(#[from] io::Error),
}

impl Error {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Exists(_) => EXIT_USAGE,
            Self::Read { .. }
            | Self::NotAFile(_)
            | Self::Header { .. }
            | Self::Fault { .. }
            | Self::Save { .. }
            | Self::Write(_) => EXIT_UNREADABLE,
        }
    }
}
