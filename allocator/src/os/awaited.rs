//! Waiting for descriptors, outside of allocations.

use core::time::Duration;
use std::io::ErrorKind;
use std::os::fd::RawFd;

use super::process::last_error;

/// A descriptor that is waited for, as the kernel takes it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Awaited(libc::pollfd);

impl Awaited {
    pub(crate) fn to_read(descriptor: RawFd) -> Self {
        Self(libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 })
    }

    pub(crate) fn to_write(descriptor: RawFd) -> Self {
        Self(libc::pollfd { fd: descriptor, events: libc::POLLOUT, revents: 0 })
    }

    /// Whether the last wait found it ready, or gone.
    pub(crate) fn is_ready(&self) -> bool {
        self.0.revents != 0
    }
}

/// Waits until one is ready, or so long; for ever without a time. Where a signal
/// came, none is. False where the kernel does not wait for these.
pub(crate) fn wait_for(awaited: &mut [Awaited], time: Option<Duration>) -> bool {
    // Rounded up, so that what is due then is due.
    let milliseconds = time
        .map_or(-1, |time| i32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
    let count = awaited.len() as libc::nfds_t;
    // SAFETY: the slice is as many records as said, which are the kernel's by their
    // representation.
    let found = unsafe { libc::poll(awaited.as_mut_ptr().cast(), count, milliseconds) };
    found >= 0 || last_error().kind() == ErrorKind::Interrupted
}
