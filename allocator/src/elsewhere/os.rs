//! What is asked of the system, by way of the C library and std. None of it
//! allocates.

use core::ffi::CStr;
use core::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// Writes to standard error, once; a failure has nobody to hear of it.
#[cfg(any(unix, windows))]
pub(crate) fn write_error(bytes: &[u8]) {
    const STANDARD_ERROR: i32 = 2;
    // SAFETY: the slice is readable for its size, which is one line's and fits
    // whatever type the C library has for it.
    unsafe { libc::write(STANDARD_ERROR, bytes.as_ptr().cast(), bytes.len() as _) };
}

#[cfg(not(any(unix, windows)))]
pub(crate) fn write_error(_: &[u8]) {}

/// The environment's value, if any. The bytes must not be kept beyond a change
/// of the environment.
#[cfg(any(unix, windows))]
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

#[cfg(not(any(unix, windows)))]
pub(crate) fn environment(_: &CStr) -> Option<&'static [u8]> {
    None
}

/// Whether the process runs with more rights than its caller.
#[cfg(unix)]
pub(crate) fn is_privileged() -> bool {
    // SAFETY: the four calls have no preconditions.
    let [user, effective_user] = [unsafe { libc::getuid() }, unsafe { libc::geteuid() }];
    // SAFETY: as above.
    let [group, effective_group] = [unsafe { libc::getgid() }, unsafe { libc::getegid() }];
    user != effective_user || group != effective_group
}

#[cfg(not(unix))]
pub(crate) fn is_privileged() -> bool {
    false
}

/// A number that is another in each process, and the same whenever it is asked
/// for: threads may ask at once. Made of the time and of where the program
/// stands: good enough to tell a trailer from other bytes, no secret.
pub(crate) fn random() -> u64 {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let place = (&raw const DRAWN).addr() as u64;
    let ours = (time.as_nanos() as u64 ^ place.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let ours = ours | 1;
    DRAWN.compare_exchange(0, ours, Ordering::Relaxed, Ordering::Relaxed).err().unwrap_or(ours)
}

/// Ends the process without running anything else of it.
pub(crate) fn abort() -> ! {
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_gets_the_same_number() {
        let numbers: Vec<_> = (0..8)
            .map(|_| std::thread::spawn(random))
            .map(|thread| thread.join().unwrap())
            .collect();
        assert!(numbers.iter().all(|&number| number == numbers[0]), "{numbers:?}");
    }

    #[test]
    fn the_environment_is_found() {
        assert!(environment(c"PATH").is_some_and(|path| !path.is_empty()));
        assert_eq!(environment(c"SCRUBJAY_IS_NOT_SET"), None);
    }
}
