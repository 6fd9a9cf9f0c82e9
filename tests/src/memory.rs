//! How much memory a process took.
#![expect(unsafe_code, reason = "wait4 alone tells")]

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

/// Runs a command to its end and answers the greatest memory that was resident
/// in it, in KiB.
///
/// # Errors
/// If it does not start, or cannot be waited for.
pub fn peak_of(command: &mut Command) -> io::Result<(ExitStatus, u64)> {
    peak_of_child(command.spawn()?)
}

/// The same of a child that runs: waits for its end.
///
/// # Errors
/// If it cannot be waited for.
pub fn peak_of_child(child: Child) -> io::Result<(ExitStatus, u64)> {
    let mut status = 0;
    // SAFETY: zeros are a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the child is ours, and nobody else waits for it; both places are
    // writable.
    let waited = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    if waited < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((ExitStatus::from_raw(status), usage.ru_maxrss as u64))
}
