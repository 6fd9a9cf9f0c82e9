//! Where there is no counter to tell cold memory by: all of it is taken for hot.

/// # Safety
/// None is needed here.
pub(super) unsafe fn is_cold(_start: *const u8, _size: usize) -> bool {
    false
}

/// # Safety
/// `size` bytes at `start` are writable and nobody else's.
pub(super) unsafe fn wipe(start: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { start.write_bytes(0, size) };
}
