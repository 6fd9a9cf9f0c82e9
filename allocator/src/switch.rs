//! The change of mode at run time.

use crate::config::{Config, Mode, ModeError};
use crate::process;

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
