//! Overwriting, so that the optimiser cannot undo it. By memset, whatever the
//! size: which way is fastest was measured for Linux alone.

#[path = "../wipe/barrier.rs"]
mod barrier;
#[path = "../wipe/small.rs"]
mod small;

pub(crate) use barrier::keep;

/// Overwrites a block with zeros.
///
/// # Safety
/// `size` bytes at `start` are writable and nobody else's.
#[inline]
pub(crate) unsafe fn wipe(start: *mut u8, size: usize) {
    if size <= small::SIZE_MAX {
        // SAFETY: the caller's promise is the very one that is needed.
        unsafe { small::wipe(start, size) };
    } else {
        // SAFETY: as above.
        unsafe { start.write_bytes(0, size) };
    }
    keep(start);
}
