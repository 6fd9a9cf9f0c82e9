//! Why there is no check.

use core::fmt;
use std::path::PathBuf;

/// Why a check could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeakCheckError {
    /// scrubjay is not the program's global allocator.
    NotTheAllocator,
    /// There is no registry of live blocks: see [`crate::Config::live_blocks`].
    NoRegistry,
    /// Too many checks at one time, or no memory for their records.
    NoRoom,
    /// A file of suppressions cannot be read, or says something without a meaning:
    /// that of [`crate::LeakCheck::suppressions`], or of `SCRUBJAY_SUPPRESSIONS`.
    Suppressions {
        /// The file.
        path: PathBuf,
        /// The line, from 1; `None` where the file cannot be read.
        line: Option<usize>,
        /// What is wrong with it.
        what: String,
    },
}

impl fmt::Display for LeakCheckError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Suppressions { path, line: Some(line), what } => {
                return write!(formatter, "{}:{line}: {what}", path.display());
            }
            Self::Suppressions { path, line: None, what } => {
                return write!(formatter, "{}: {what}", path.display());
            }
            Self::NotTheAllocator => "scrubjay is not the program's global allocator",
            Self::NoRegistry => {
                "there is no registry of live blocks: have one from the start of the process, by \
                 Config::live_blocks(true) or SCRUBJAY_LIVE=on"
            }
            Self::NoRoom => "too many leak checks at one time",
        })
    }
}

impl std::error::Error for LeakCheckError {}

/// Why blocks cannot be looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NotReady {
    NotTheAllocator,
    NoRegistry,
}

impl From<NotReady> for LeakCheckError {
    fn from(why: NotReady) -> Self {
        match why {
            NotReady::NotTheAllocator => Self::NotTheAllocator,
            NotReady::NoRegistry => Self::NoRegistry,
        }
    }
}
