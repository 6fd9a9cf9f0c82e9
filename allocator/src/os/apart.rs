//! Looking at one's own memory without leaving traces of the look.

use core::ffi::{CStr, c_void};
use core::ptr;
use std::io;

use super::process::{errno, last_error, process_id};

/// Runs `main` and waits for its end: in a process of its own that shares this
/// one's memory, on a stack of its own. So whatever it has in registers and on
/// its stack is nowhere else, and it needs nothing from the C library's heap, as
/// a thread would.
///
/// # Safety
/// The memory below `stack_end` is writable, has room for `main`, and is nobody
/// else's; `main` may use `argument`, and touches no thread-local but the error
/// number: they are the caller's.
pub(crate) unsafe fn run_apart(
    stack_end: *mut u8,
    main: extern "C" fn(*mut c_void) -> i32,
    argument: *mut c_void,
) -> io::Result<()> {
    // Without a signal at its end, so that nobody else waits for it by accident.
    let flags = libc::CLONE_VM | libc::CLONE_VFORK;
    // SAFETY: the caller promises a stack and an argument that fit; the calling
    // thread stands still until the other process has ended.
    let process =
        without_signals(|| unsafe { libc::clone(main, stack_end.cast(), flags, argument) });
    if process < 0 {
        return Err(last_error());
    }
    loop {
        // SAFETY: nothing is written through null.
        let waited = unsafe { libc::waitpid(process, ptr::null_mut(), libc::__WCLONE) };
        if waited >= 0 || errno() != libc::EINTR {
            return Ok(());
        }
    }
}

/// Does something while the calling thread blocks every signal; what it starts
/// goes on so.
pub(crate) fn without_signals<T>(act: impl FnOnce() -> T) -> T {
    // SAFETY: all zeros is a valid sigset_t.
    let mut all: libc::sigset_t = unsafe { core::mem::zeroed() };
    let mut before = all;
    // SAFETY: the set is writable.
    unsafe { libc::sigfillset(&mut all) };
    // SAFETY: both sets are valid.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before) };
    let answer = act();
    // SAFETY: the set was filled in by the call before.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()) };
    answer
}

/// Copies memory of this process into the buffer, as far as it can be read;
/// pages that are not there are an error and no fault.
pub(crate) fn read_memory(address: usize, buffer: &mut [u8]) -> io::Result<usize> {
    let size = buffer.len();
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: size };
    let remote = libc::iovec { iov_base: ptr::without_provenance_mut(address), iov_len: size };
    let process = process_id() as i32;
    // SAFETY: the local buffer is writable for its size; the kernel checks the
    // remote one.
    let count = unsafe { libc::process_vm_readv(process, &local, 1, &remote, 1, 0) };
    usize::try_from(count).map_err(|_| last_error())
}

/// Opens a file to read it piece by piece; close it again.
pub(crate) fn open_file(path: &CStr) -> io::Result<i32> {
    // SAFETY: the path is a C string.
    let descriptor = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if descriptor < 0 { Err(last_error()) } else { Ok(descriptor) }
}

/// Reads the next piece of a file; 0 at its end, and where that fails.
pub(crate) fn read_on(descriptor: i32, buffer: &mut [u8]) -> usize {
    loop {
        // SAFETY: the buffer is writable for its size.
        let count = unsafe { libc::read(descriptor, buffer.as_mut_ptr().cast(), buffer.len()) };
        match usize::try_from(count) {
            Ok(count) => return count,
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return 0,
        }
    }
}
