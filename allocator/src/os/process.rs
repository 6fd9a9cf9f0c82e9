//! The process as the system knows it: environment, identity, hooks, its end.

use core::ffi::CStr;
use std::io;

use super::monotonic_ns;

/// The calling thread's last error, as a number.
pub(super) fn errno() -> i32 {
    // SAFETY: the call has no preconditions.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: glibc and musl promise a valid pointer for the calling thread.
    unsafe { *place }
}

/// The last error, for callers outside the allocator.
pub(crate) fn last_error() -> io::Error {
    io::Error::last_os_error()
}

/// Writes to standard error, once; a failure has nobody to hear of it.
pub(crate) fn write_error(bytes: &[u8]) {
    // SAFETY: the slice is readable for its size.
    unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len()) };
}

/// As [`write_error`], of some pieces, the first ten.
pub(crate) fn write_error_pieces(pieces: &[&[u8]]) {
    let nothing = libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 };
    let mut vectors = [nothing; 10];
    for (vector, piece) in vectors.iter_mut().zip(pieces) {
        vector.iov_base = piece.as_ptr().cast_mut().cast();
        vector.iov_len = piece.len();
    }
    // SAFETY: the pieces are readable for their sizes.
    unsafe { libc::writev(libc::STDERR_FILENO, vectors.as_ptr(), vectors.len() as i32) };
}

/// Ends the process without running anything else of it.
pub(crate) fn abort() -> ! {
    // SAFETY: abort has no preconditions.
    unsafe { libc::abort() }
}

/// The environment's value, if any. The bytes must not be kept beyond a call
/// of `setenv`: callers read them before main, or copy.
pub(crate) fn environment(name: &CStr) -> Option<&'static [u8]> {
    // SAFETY: the name is a C string; getenv answers one or null.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: getenv's answer is a C string that stays until the variable is
    // set anew.
    Some(unsafe { CStr::from_ptr(value) }.to_bytes())
}

/// Whether the process runs with more rights than its caller.
pub(crate) fn is_privileged() -> bool {
    // SAFETY: getauxval has no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// A number that an outsider cannot guess, or at least one that differs
/// between runs where the kernel has no randomness to give yet.
pub(crate) fn random() -> u64 {
    let mut bytes = [0_u8; 8];
    // SAFETY: the buffer is writable for its size.
    let count =
        unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), libc::GRND_NONBLOCK) };
    if count == 8 {
        u64::from_ne_bytes(bytes)
    } else {
        monotonic_ns() ^ (process_id() as u64) << 40
    }
}

pub(crate) fn process_id() -> u32 {
    // SAFETY: getpid has no preconditions.
    unsafe { libc::getpid() as u32 }
}

pub(crate) fn parent_id() -> u32 {
    // SAFETY: getppid has no preconditions.
    unsafe { libc::getppid() as u32 }
}

/// Page faults of the process so far: minor ones and major ones.
pub(crate) fn fault_counts() -> Option<(u64, u64)> {
    // SAFETY: all zeros is a valid structure.
    let mut usage: libc::rusage = unsafe { core::mem::zeroed() };
    // SAFETY: the structure is writable.
    let refused = unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    (refused == 0).then_some((usage.ru_minflt as u64, usage.ru_majflt as u64))
}

/// The host's name, NUL-padded.
pub(crate) fn host_name() -> [u8; 64] {
    let mut name = [0; 64];
    // SAFETY: the buffer is writable for its size.
    unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) };
    name
}

/// Has `hook` run when the process exits.
pub(crate) fn at_exit(hook: extern "C" fn()) {
    // SAFETY: the hook is a function and stays valid.
    unsafe { libc::atexit(hook) };
}

/// Has `prepare` run before each fork, and after it `parent` or `child`.
pub(crate) fn at_fork(
    prepare: unsafe extern "C" fn(),
    parent: unsafe extern "C" fn(),
    child: unsafe extern "C" fn(),
) {
    unsafe extern "C" {
        fn pthread_atfork(
            prepare: Option<unsafe extern "C" fn()>,
            parent: Option<unsafe extern "C" fn()>,
            child: Option<unsafe extern "C" fn()>,
        ) -> i32;
    }
    // SAFETY: the hooks are functions and stay valid.
    unsafe { pthread_atfork(Some(prepare), Some(parent), Some(child)) };
}
