//! Files and descriptors.

use core::ffi::CStr;
use std::io;

use super::process::{errno, last_error};

/// Reads a small file whole into the buffer; `None` where that fails.
pub(crate) fn read_file<'a>(path: &CStr, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    // SAFETY: the path is a C string.
    let descriptor = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if descriptor < 0 {
        return None;
    }
    // SAFETY: the buffer is writable for its size.
    let count = unsafe { libc::read(descriptor, buffer.as_mut_ptr().cast(), buffer.len()) };
    close(descriptor);
    buffer.get(..usize::try_from(count).ok()?)
}

/// Creates a file for this process alone: new, mode 0600, no link followed.
/// `Err` holds the error's number.
pub(crate) fn create_file(path: &CStr) -> Result<i32, i32> {
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    // SAFETY: the path is a C string.
    let descriptor = unsafe { libc::open(path.as_ptr(), flags, 0o600) };
    if descriptor < 0 { Err(errno()) } else { Ok(descriptor) }
}

/// Removes a file that this process created.
pub(crate) fn remove_file(path: &CStr) {
    // SAFETY: the path is a C string.
    unsafe { libc::unlink(path.as_ptr()) };
}

/// Which file a descriptor stands for: its device and its number there. `None`
/// where it is closed.
pub(crate) fn identity(descriptor: i32) -> Option<(u64, u64)> {
    // SAFETY: all zeros is a valid structure.
    let mut status: libc::stat = unsafe { core::mem::zeroed() };
    // SAFETY: the structure is writable.
    let known = unsafe { libc::fstat(descriptor, &mut status) } == 0;
    known.then_some((status.st_dev, status.st_ino))
}

/// Marks the file as in use by this process, until it ends.
pub(crate) fn lock_file(descriptor: i32) {
    // SAFETY: flock has no preconditions.
    unsafe { libc::flock(descriptor, libc::LOCK_EX | libc::LOCK_NB) };
}

pub(crate) fn close(descriptor: i32) {
    // SAFETY: the callers own the descriptor and forget it.
    unsafe { libc::close(descriptor) };
}

/// Why a file got no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// It would grow beyond `RLIMIT_FSIZE`, which kills.
    FileSizeLimit,
    /// The file system is full, or cannot reserve.
    Refused(i32),
}

/// Reserves blocks of a file: never by writing, and never beyond the
/// process's limit of file sizes.
pub(crate) fn reserve_file(descriptor: i32, at: u64, size: u64) -> Result<(), NoRoom> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is writable.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) } == 0;
    if known && at.saturating_add(size) > limit.rlim_cur {
        return Err(NoRoom::FileSizeLimit);
    }
    loop {
        // SAFETY: fallocate touches no memory of ours.
        let done = unsafe {
            libc::syscall(
                libc::SYS_fallocate,
                descriptor,
                0,
                at as libc::off_t,
                size as libc::off_t,
            )
        };
        match if done == 0 { 0 } else { errno() } {
            0 => return Ok(()),
            libc::EINTR => {}
            error => return Err(NoRoom::Refused(error)),
        }
    }
}

/// Writes all bytes at a place of a file.
pub(crate) fn write_at(descriptor: i32, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        // SAFETY: the slice is readable for its size.
        let count = unsafe {
            libc::pwrite(descriptor, bytes.as_ptr().cast(), bytes.len(), at as libc::off_t)
        };
        match usize::try_from(count) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                at += count as u64;
            }
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return Err(last_error()),
        }
    }
    Ok(())
}
