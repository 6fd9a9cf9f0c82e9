//! The change of mode at run time.

use core::fmt;

use crate::config::{Config, Mode};
use crate::process;

/// Why a mode could not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModeError {
    /// There is no journal to go on with: no log, or one that began in another
    /// mode. [`crate::start_log`] starts one.
    NoJournal,
    /// No memory for the ledger: nothing is counted.
    NothingCounted,
}

impl fmt::Display for ModeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoJournal => "there is no journal to go on with: start a log",
            Self::NothingCounted => "nothing is counted",
        })
    }
}

impl std::error::Error for ModeError {}

/// Has the process record in another mode from now on, each thread from its next
/// event; answers the mode before.
///
/// A log that began in mode [`Mode::Journal`] can leave it and come back: what
/// happens in between is counted as dropped from the journal, and the ledger
/// stays exact. Into a log that began in another mode no journal can be written.
/// Blocks keep the sites that they were born with.
///
/// ```
/// use scrubjay::{Mode, set_mode};
///
/// # fn main() -> Result<(), scrubjay::ModeError> {
/// let before = set_mode(Mode::Sample)?;
/// // … the part of the run that is worth a look …
/// set_mode(before)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Where the mode cannot be had; it stays as it was.
pub fn set_mode(mode: Mode) -> Result<Mode, ModeError> {
    let store = process::begin_now(&Config::new()).ok_or(ModeError::NothingCounted)?;
    process::set_mode(store, mode).ok_or(ModeError::NoJournal)
}
