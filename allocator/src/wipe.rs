//! Overwriting, so that the optimiser cannot undo it.

/// Overwrites a block with zeros.
///
/// # Safety
/// `size` bytes at `start` are writable and nobody else's.
#[inline]
pub(crate) unsafe fn wipe(start: *mut u8, size: usize) {
    // SAFETY: the caller's promise is the very one that is needed.
    unsafe { start.write_bytes(0, size) };
    keep(start);
}

/// Makes the compiler believe that somebody reads the memory. Without it LLVM
/// removes an overwrite that is followed by a release: at opt-level 3 the pair
/// becomes a bare jump to `free`, which no test inside the process notices.
#[inline]
fn keep(start: *mut u8) {
    #[cfg(not(miri))]
    // SAFETY: no instruction is emitted.
    unsafe {
        core::arch::asm!("/* {0} */", in(reg) start, options(nostack, preserves_flags));
    }
    #[cfg(miri)]
    core::hint::black_box(start);
}
