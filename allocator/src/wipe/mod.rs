//! Overwriting, so that the optimiser cannot undo it, by what is fastest for
//! the block's size and for where it is: in the cache or not.

use crate::limits::{COLD_ASKED_MIN, TOUCHED_ASKED_MIN};
use crate::{mapped, registers, touched};

mod barrier;
#[cfg_attr(not(target_arch = "x86_64"), path = "cold_elsewhere.rs")]
mod cold;
mod small;

pub(crate) use barrier::keep;
pub(crate) use small::SIZE_MAX as SMALL_MAX;

/// Overwrites a block with zeros. Of a large one only what was touched, lest
/// the rest be faulted in.
///
/// # Safety
/// `size` bytes at `start` are writable and nobody else's.
#[inline(always)]
pub(crate) unsafe fn wipe(start: *mut u8, size: usize) {
    if size <= SMALL_MAX {
        // SAFETY: the caller's promise is the very one that is needed.
        unsafe { small::wipe(start, size) };
        keep(start);
    } else if size < COLD_ASKED_MIN {
        // SAFETY: as above.
        unsafe { start.write_bytes(0, size) };
        keep(start);
    } else {
        // SAFETY: as above.
        unsafe { wipe_large(start, size) };
    }
}

/// # Safety
/// As for [`wipe`].
#[cold]
#[inline(never)]
unsafe fn wipe_large(start: *mut u8, size: usize) {
    let known = if size < TOUCHED_ASKED_MIN { size } else { mapped::touched(start).min(size) };
    if known > 0 {
        // SAFETY: the part lies within the block.
        unsafe { wipe_part(start, known) };
    }
    let mut wiped = known;
    if known < size {
        touched::each(start as usize + known, size - known, |offset, size| {
            // SAFETY: the part lies within the block.
            let part = unsafe { start.add(known + offset) };
            // SAFETY: as above.
            unsafe { wipe_part(part, size) };
            wiped += size;
        });
    }
    if wiped == size {
        mapped::note_touched(start, size);
    }
    registers::clear();
}

/// # Safety
/// As for [`wipe`].
unsafe fn wipe_part(start: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    if unsafe { cold::is_cold(start, size) } {
        // SAFETY: as above.
        unsafe { cold::wipe(start, size) };
    } else if BACKWARDS.contains(&size) {
        // SAFETY: as above.
        unsafe { wipe_backwards(start, size) };
    } else {
        // SAFETY: as above.
        unsafe { start.write_bytes(0, size) };
    }
    keep(start);
}

/// Sizes that no near cache holds whole, but perhaps the farthest one.
const BACKWARDS: core::ops::Range<usize> = 512 << 10..24 << 20;
/// A piece that a near cache holds.
const PIECE: usize = 128 << 10;

/// From the end: what was written last is the nearest in the caches now, and
/// what the next owner writes first will be. A fifth off the wipe's price at
/// 1 MiB, two fifths at 16.
///
/// # Safety
/// As for [`wipe`].
unsafe fn wipe_backwards(start: *mut u8, size: usize) {
    let mut left = size;
    while left > 0 {
        let piece = left.min(PIECE);
        left -= piece;
        // SAFETY: the piece lies within the block.
        let place = unsafe { start.add(left) };
        // SAFETY: as above.
        unsafe { place.write_bytes(0, piece) };
        keep(place);
    }
}
