//! Overwriting, so that the optimiser cannot undo it.

use crate::limits::TOUCHED_ASKED_MIN;
use crate::touched;

/// Overwrites a block with zeros. Of a large one only what was touched, lest
/// the rest be faulted in.
///
/// # Safety
/// `size` bytes at `start` are writable and nobody else's.
#[inline]
pub(crate) unsafe fn wipe(start: *mut u8, size: usize) {
    if size < TOUCHED_ASKED_MIN {
        // SAFETY: the caller's promise is the very one that is needed.
        unsafe { start.write_bytes(0, size) };
        keep(start);
    } else {
        // SAFETY: as above.
        unsafe { wipe_touched(start, size) };
    }
}

/// # Safety
/// As for [`wipe`].
#[cold]
#[inline(never)]
unsafe fn wipe_touched(start: *mut u8, size: usize) {
    touched::each(start as usize, size, |offset, size| {
        // SAFETY: the part lies within the block.
        let part = unsafe { start.add(offset) };
        // SAFETY: as above.
        unsafe { part.write_bytes(0, size) };
        keep(part);
    });
}

/// Makes the compiler believe that somebody reads the memory. Without it LLVM
/// removes an overwrite that is followed by a release: at opt-level 3 the pair
/// becomes a bare jump to `free`, which no test inside the process notices.
#[inline]
pub(crate) fn keep(start: *mut u8) {
    // What the attack's control leaves out.
    if cfg!(scrubjay_without_barrier) {
        return;
    }
    #[cfg(not(miri))]
    // SAFETY: no instruction is emitted.
    unsafe {
        core::arch::asm!("/* {0} */", in(reg) start, options(nostack, preserves_flags));
    }
    #[cfg(miri)]
    core::hint::black_box(start);
}
