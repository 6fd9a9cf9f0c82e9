//! The reserved range and its slots: which are taken, and by which address a
//! slot is known.

use core::ptr;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::limits::{
    GROWING_SLOT_SHIFT, SLOT_SHIFT_MAX, SLOT_SHIFT_MIN, SLOTS_MAX, SLOTS_SPAN_MAX,
};
use crate::os;

const CLASS_COUNT: usize = (SLOT_SHIFT_MAX - SLOT_SHIFT_MIN + 1) as usize;
const WORD_COUNT: usize = SLOTS_MAX / 64;

/// Start of the range; 0 before the first large block, [`REFUSED`] where there
/// is no address space.
static START: AtomicUsize = AtomicUsize::new(0);
const REFUSED: usize = 1;

/// Taken slots, a bit each.
static TAKEN: [[AtomicU64; WORD_COUNT]; CLASS_COUNT] =
    [const { [const { AtomicU64::new(0) }; WORD_COUNT] }; CLASS_COUNT];

/// The size of a class's slots in bytes.
pub(super) const fn slot_size(class: usize) -> usize {
    1 << (SLOT_SHIFT_MIN as usize + class)
}

/// How many slots a class has.
pub(super) const fn slot_count(class: usize) -> usize {
    let fitting = SLOTS_SPAN_MAX / slot_size(class);
    if fitting < SLOTS_MAX { fitting } else { SLOTS_MAX }
}

/// Where a class's stretch begins, from the start of the range.
const fn stretch(class: usize) -> usize {
    let mut at = 0;
    let mut below = 0;
    while below < class {
        at += slot_count(below) * slot_size(below);
        below += 1;
    }
    at
}

/// Size of the range in bytes.
const SPAN: usize = stretch(CLASS_COUNT);
const STRETCHES: [usize; CLASS_COUNT] = {
    let mut stretches = [0; CLASS_COUNT];
    let mut class = 0;
    while class < CLASS_COUNT {
        stretches[class] = stretch(class);
        class += 1;
    }
    stretches
};

/// Whether a block is one of ours.
#[inline]
pub(crate) fn contains(block: *mut u8) -> bool {
    let start = START.load(Ordering::Relaxed);
    start > REFUSED && (block as usize).wrapping_sub(start) < SPAN
}

#[cold]
fn start() -> Option<usize> {
    if START.load(Ordering::Acquire) == 0 {
        let range = os::reserve(SPAN);
        let start = if range.is_null() { REFUSED } else { range as usize };
        if START.compare_exchange(0, start, Ordering::AcqRel, Ordering::Acquire).is_err()
            && !range.is_null()
        {
            // Another thread was first.
            os::unmap(range, SPAN);
        }
    }
    Some(START.load(Ordering::Acquire)).filter(|&start| start > REFUSED)
}

/// The class of slots for blocks that grow: no other block stands in them.
pub(super) const GROWING: usize = (GROWING_SLOT_SHIFT - SLOT_SHIFT_MIN) as usize;

/// The class for a block of `size` bytes: it can double without moving.
pub(super) fn class_for(size: usize) -> Option<usize> {
    let shift = size.checked_next_power_of_two()?.trailing_zeros() + 1;
    let class = shift.saturating_sub(SLOT_SHIFT_MIN) as usize;
    let class = if class == GROWING { class + 1 } else { class };
    (class < CLASS_COUNT).then_some(class)
}

/// The class and number of the slot that starts at `block`.
pub(super) fn slot_of(block: *mut u8) -> Option<(usize, usize)> {
    let at = (block as usize).checked_sub(START.load(Ordering::Relaxed))?;
    let class = STRETCHES.iter().rposition(|&stretch| stretch <= at)?;
    Some((class, (at - STRETCHES[class]) / slot_size(class)))
}

/// The size of the slot that starts at `block`.
pub(super) fn size_of_slot(block: *mut u8) -> usize {
    slot_of(block).map_or(0, |(class, _)| slot_size(class))
}

/// Where a slot of the range begins.
fn address(start: usize, class: usize, number: usize) -> *mut u8 {
    ptr::with_exposed_provenance_mut(start + STRETCHES[class] + number * slot_size(class))
}

/// Where a slot that was taken begins.
pub(super) fn address_of(class: usize, number: usize) -> *mut u8 {
    address(START.load(Ordering::Relaxed), class, number)
}

/// A free slot of a class.
pub(super) fn take_slot(class: usize) -> Option<*mut u8> {
    let start = start()?;
    for (index, word) in TAKEN[class].iter().enumerate() {
        let mut taken = word.load(Ordering::Relaxed);
        while taken != u64::MAX {
            let bit = taken.trailing_ones() as usize;
            if index * 64 + bit >= slot_count(class) {
                return None;
            }
            let with = taken | 1 << bit;
            match word.compare_exchange_weak(taken, with, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    return Some(address(start, class, index * 64 + bit));
                }
                Err(now) => taken = now,
            }
        }
    }
    None
}

/// Frees the slot of a block whose pages are gone.
pub(super) fn give_slot_back(block: *mut u8) {
    if let Some((class, number)) = slot_of(block) {
        TAKEN[class][number / 64].fetch_and(!(1 << (number % 64)), Ordering::Release);
    }
}

/// How many slots are taken.
#[cfg(test)]
pub(super) fn taken_count() -> u32 {
    TAKEN.iter().flatten().map(|word| word.load(Ordering::Relaxed).count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_leaves_room_to_double() {
        for size in [1, 100_000, 1 << 20, (1 << 20) + 1, 10 << 20, 3 << 30] {
            let slot = slot_size(class_for(size).unwrap());
            assert!(slot >= 2 * size, "{size} in {slot}");
        }
        assert_eq!(class_for(usize::MAX), None);
        assert_eq!(class_for(1 << SLOT_SHIFT_MAX), None);
    }
}
