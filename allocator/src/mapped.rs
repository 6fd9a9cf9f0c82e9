//! Mappings of our own for large blocks: grown by moving pages instead of
//! copying bytes, released to the kernel, which blanks them.
//!
//! They stand in one reserved range of addresses, by which a release knows
//! them: glibc maps blocks by a threshold that moves, so a size tells nothing.
//! The range is cut into slots of powers of two, each size in a stretch of its
//! own; a bit says that a slot is taken. A taken slot is mapped whole, as one
//! mapping, of which only touched pages take memory: `mremap` moves no range
//! that several mappings make up.

use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::limits::{SLOT_SHIFT_MAX, SLOT_SHIFT_MIN, SLOTS_MAX, SLOTS_SPAN_MAX};
use crate::os;

const CLASS_COUNT: usize = (SLOT_SHIFT_MAX - SLOT_SHIFT_MIN + 1) as usize;
const WORD_COUNT: usize = SLOTS_MAX / 64;

/// What a mapped block is aligned to, whatever the size of a page.
pub(crate) const ALIGN: usize = 4096;

/// Whether large blocks are mapped at all.
static ALLOWED: AtomicBool = AtomicBool::new(true);

/// Leaves large blocks to the inner allocator.
pub(crate) fn forbid() {
    ALLOWED.store(false, Ordering::Relaxed);
}

/// Start of the range; 0 before the first large block, [`REFUSED`] where there
/// is no address space.
static START: AtomicUsize = AtomicUsize::new(0);
const REFUSED: usize = 1;

/// Taken slots, a bit each.
static TAKEN: [[AtomicU64; WORD_COUNT]; CLASS_COUNT] =
    [const { [const { AtomicU64::new(0) }; WORD_COUNT] }; CLASS_COUNT];

const fn slot_size(class: usize) -> usize {
    1 << (SLOT_SHIFT_MIN as usize + class)
}

const fn slot_count(class: usize) -> usize {
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

/// The size of the pages that hold `size` bytes.
pub(crate) fn pages(size: usize) -> usize {
    size.next_multiple_of(os::page_size())
}

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

/// The class for a block of `size` bytes: it can double without moving.
fn class_for(size: usize) -> Option<usize> {
    let shift = size.checked_next_power_of_two()?.trailing_zeros() + 1;
    (shift <= SLOT_SHIFT_MAX).then(|| shift.saturating_sub(SLOT_SHIFT_MIN) as usize)
}

/// The class and number of the slot that starts at `block`.
fn slot_of(block: *mut u8) -> Option<(usize, usize)> {
    let at = (block as usize).checked_sub(START.load(Ordering::Relaxed))?;
    let class = STRETCHES.iter().rposition(|&stretch| stretch <= at)?;
    Some((class, (at - STRETCHES[class]) / slot_size(class)))
}

/// The size of the slot that starts at `block`.
fn size_of_slot(block: *mut u8) -> usize {
    slot_of(block).map_or(0, |(class, _)| slot_size(class))
}

fn take_slot(class: usize) -> Option<*mut u8> {
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
                    let offset = STRETCHES[class] + (index * 64 + bit) * slot_size(class);
                    return Some(ptr::with_exposed_provenance_mut(start + offset));
                }
                Err(now) => taken = now,
            }
        }
    }
    None
}

/// Frees the slot of a block whose pages are gone.
fn give_slot_back(block: *mut u8) {
    if let Some((class, number)) = slot_of(block) {
        TAKEN[class][number / 64].fetch_and(!(1 << (number % 64)), Ordering::Release);
    }
}

/// `size` bytes of zeros; null where no slot or memory is left. The block is
/// aligned to a page.
pub(crate) fn map(size: usize) -> *mut u8 {
    if !ALLOWED.load(Ordering::Relaxed) {
        return ptr::null_mut();
    }
    let Some(block) = class_for(size).and_then(take_slot) else { return ptr::null_mut() };
    // SAFETY: the slot is ours, and nothing refers to it.
    if unsafe { os::map_over(block, size_of_slot(block), None, 0) } {
        return block;
    }
    give_slot_back(block);
    ptr::null_mut()
}

/// Releases a block to the kernel.
///
/// # Safety
/// The block came from this module, and its owner gives it up.
pub(crate) unsafe fn unmap(block: *mut u8) {
    // SAFETY: the slot is the block's own.
    if unsafe { os::return_pages(block, size_of_slot(block)) } {
        give_slot_back(block);
    }
}

/// Makes a block larger, in place or by moving its pages. The old slot stays
/// taken, so that nobody gets its addresses before the move is recorded:
/// [`leave`] frees it. `None`, and nothing changed, where that fails.
///
/// # Safety
/// The block came from this module with `size` bytes.
pub(crate) unsafe fn grow(block: *mut u8, size: usize, new_size: usize) -> Option<*mut u8> {
    if new_size <= size_of_slot(block) {
        return Some(block);
    }
    let moved = class_for(new_size).and_then(take_slot)?;
    // SAFETY: the old range is the block's, the new one its slot's.
    if !unsafe { os::move_pages(block, pages(size), moved, size_of_slot(moved)) } {
        give_slot_back(moved);
        return None;
    }
    Some(moved)
}

/// Takes the addresses back that a move of `size` bytes has left. Call it once
/// the move is recorded.
pub(crate) fn leave(block: *mut u8, size: usize) {
    let (hole, slot) = (pages(size), size_of_slot(block));
    // SAFETY: the rest lies within the slot.
    let rest = unsafe { block.add(hole) };
    // SAFETY: the slot is ours until it is given back, and nothing refers to it.
    let returned = hole == slot || unsafe { os::return_pages(rest, slot - hole) };
    // Where somebody has mapped something in the hole the slot stays taken.
    if returned && os::reserve_again(block, hole) {
        give_slot_back(block);
    }
}

/// Gives the pages behind a block's new end back to the kernel.
///
/// # Safety
/// The block came from this module with `size` bytes.
pub(crate) unsafe fn shrink(block: *mut u8, size: usize, new_size: usize) {
    let (old, new) = (pages(size), pages(new_size));
    if new < old {
        // SAFETY: the tail lies within the block.
        let tail = unsafe { block.add(new) };
        // SAFETY: its owner gave it up.
        unsafe { os::blank_pages(tail, old - new) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_leaves_room_to_double() {
        for size in [1, 100_000, 1 << 20, (1 << 20) + 1, 3 << 30] {
            let slot = slot_size(class_for(size).unwrap());
            assert!(slot >= 2 * size, "{size} in {slot}");
        }
        assert_eq!(class_for(usize::MAX), None);
        assert_eq!(class_for(1 << SLOT_SHIFT_MAX), None);
    }

    #[test]
    fn a_block_grows_in_place_then_moves_with_its_content() {
        let size = 1 << 20;
        let block = map(size);
        assert!(contains(block));
        // SAFETY: the block has so many bytes.
        unsafe { block.write_bytes(7, size) };
        // SAFETY: the block is ours.
        let grown = unsafe { grow(block, size, 2 * size) }.unwrap();
        assert_eq!(grown, block);
        // SAFETY: as above.
        let moved = unsafe { grow(block, 2 * size, 5 * size) }.unwrap();
        assert_ne!(moved, block);
        leave(block, 2 * size);
        // SAFETY: the block has so many bytes.
        let bytes = unsafe { core::slice::from_raw_parts(moved, 5 * size) };
        assert!(bytes[..size].iter().all(|&byte| byte == 7));
        assert!(bytes[size..].iter().all(|&byte| byte == 0));
        // SAFETY: the block is ours.
        unsafe { unmap(moved) };
        assert!(!TAKEN.iter().flatten().any(|word| word.load(Ordering::Relaxed) != 0));
    }
}
