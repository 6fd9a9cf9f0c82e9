//! The vector registers of another process, as a debugger sees them.
#![expect(unsafe_code, reason = "asks the system for another process's registers")]

use std::io;
use std::ptr;

/// The set of all extended states (`NT_X86_XSTATE`); on aarch64 that of the
/// vector registers (`NT_PRFPREG`).
const SET: usize = if cfg!(target_arch = "x86_64") { 0x202 } else { 2 };
/// More than any processor's state takes.
const STATE_SIZE_MAX: usize = 64 << 10;

/// In a child: stops, the registers as they are.
pub fn stop() {
    // SAFETY: the signal stops this process, and somebody else has it go on.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// Waits until a child has stopped, and answers the bytes of its vector
/// registers. It goes on after that.
///
/// # Errors
/// Where it ends instead, or the system lets nobody look.
pub fn of_stopped(process: u32) -> io::Result<Vec<u8>> {
    let process = process as i32;
    wait(process, libc::WUNTRACED)?;
    request(libc::PTRACE_SEIZE, process, 0, ptr::null_mut())?;
    request(libc::PTRACE_INTERRUPT, process, 0, ptr::null_mut())?;
    wait(process, libc::__WALL)?;
    let mut state = vec![0_u8; STATE_SIZE_MAX];
    let mut place = libc::iovec { iov_base: state.as_mut_ptr().cast(), iov_len: state.len() };
    request(libc::PTRACE_GETREGSET, process, SET, (&raw mut place).cast())?;
    state.truncate(place.iov_len);
    request(libc::PTRACE_DETACH, process, 0, ptr::null_mut())?;
    // SAFETY: the child is ours and not waited for yet.
    unsafe { libc::kill(process, libc::SIGCONT) };
    Ok(state)
}

fn wait(process: i32, options: i32) -> io::Result<()> {
    let mut status = 0;
    // SAFETY: the place is writable.
    let waited = unsafe { libc::waitpid(process, &mut status, options) };
    if waited != process {
        return Err(io::Error::last_os_error());
    }
    if !libc::WIFSTOPPED(status) {
        return Err(io::Error::other("the process ended before it stopped"));
    }
    Ok(())
}

fn request(
    what: libc::c_uint,
    process: i32,
    set: usize,
    place: *mut libc::c_void,
) -> io::Result<()> {
    // SAFETY: the only request that writes here writes what the place says.
    let answer = unsafe { libc::ptrace(what, process, set, place) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
