//! How much memory a process took.
#![expect(unsafe_code, reason = "wait4 alone tells, and waitid leaves it to")]

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// What a process took, those of its children included that it waited for.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// The greatest memory that was resident in one of them, in KiB.
    pub resident: u64,
    /// The time that their threads ran, also in the kernel.
    pub processor: Duration,
}

/// Runs a command to its end and answers the greatest memory that was resident
/// in it, in KiB.
///
/// # Errors
/// If it does not start, or cannot be waited for.
pub fn peak_of(command: &mut Command) -> io::Result<(ExitStatus, u64)> {
    let (status, usage) = wait_for(command.spawn()?, Duration::MAX)?;
    Ok((status, usage.resident))
}

/// Waits for a child's end, kills it if that takes longer than a limit, and answers
/// what it took.
///
/// # Errors
/// If it cannot be waited for.
pub fn wait_for(child: Child, limit: Duration) -> io::Result<(ExitStatus, Usage)> {
    let process = child.id();
    let (ended, end) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                // SAFETY: a call without memory; nobody has taken the child's end yet.
                unsafe { libc::kill(process as i32, libc::SIGKILL) };
            }
        });
        let left_to_take = libc::WEXITED | libc::WNOWAIT;
        // SAFETY: zeros are a valid siginfo_t.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: the place is writable.
        unsafe { libc::waitid(libc::P_PID, process, &mut info, left_to_take) };
        drop(ended);
    });
    let mut status = 0;
    // SAFETY: zeros are a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the child is ours, and nobody else waits for it; both places are
    // writable.
    let waited = unsafe { libc::wait4(process as i32, &mut status, 0, &mut usage) };
    if waited < 0 {
        return Err(io::Error::last_os_error());
    }
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    let processor = time(usage.ru_utime) + time(usage.ru_stime);
    let usage = Usage { resident: usage.ru_maxrss as u64, processor };
    Ok((ExitStatus::from_raw(status), usage))
}
