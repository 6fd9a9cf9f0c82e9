//! Mappings of our own for large blocks: grown by moving pages instead of
//! copying bytes, released to the kernel, which blanks them, or kept, wiped, for
//! the next block that grows.
//!
//! They stand in one reserved range of addresses, by which a release knows
//! them: glibc maps blocks by a threshold that moves, so a size tells nothing.
//! The range is cut into slots of powers of two, each size in a stretch of its
//! own; a bit says that a slot is taken. A taken slot is mapped whole, as one
//! mapping, of which only touched pages take memory: `mremap` moves no range
//! that several mappings make up. Slots of one size are for blocks that grow
//! ([`growing`]).

use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::limits::{MAPPED_UNKEPT_MIN, TRAILER_SIZE};
use crate::{os, registers};

mod growing;
mod slots;

pub(crate) use slots::contains;
use slots::{class_for, give_slot_back, size_of_slot, take_slot};

/// What a mapped block is aligned to, whatever the size of a page.
pub(crate) const ALIGN: usize = 4096;

/// Whether large blocks are mapped at all.
static ALLOWED: AtomicBool = AtomicBool::new(true);

/// Pages of all blocks here in bytes: what a block that grows into the rest of its
/// last page does not change.
static LIVE_SIZE: AtomicUsize = AtomicUsize::new(0);

/// Bytes of the pages of all blocks that are mapped, whether they were touched or
/// not.
pub(crate) fn live_size() -> usize {
    LIVE_SIZE.load(Ordering::Relaxed)
}

/// What mappings without a block may hold in pages, bytes.
pub(crate) fn kept_size() -> usize {
    growing::kept_size()
}

/// Gives the pages of all mappings without a block back to the kernel; answers
/// how many bytes they may have held.
pub(crate) fn give_back() -> usize {
    growing::give_back()
}

/// Counts that a block of `size` bytes has `new_size` now.
fn count(size: usize, new_size: usize) {
    LIVE_SIZE.fetch_add(pages(new_size).wrapping_sub(pages(size)), Ordering::Relaxed);
}

/// Leaves large blocks to the inner allocator.
pub(crate) fn forbid() {
    ALLOWED.store(false, Ordering::Relaxed);
}

fn is_allowed() -> bool {
    ALLOWED.load(Ordering::Relaxed)
}

/// The size of the pages that hold `size` bytes.
pub(crate) fn pages(size: usize) -> usize {
    size.next_multiple_of(os::page_size())
}

/// `size` bytes of zeros; null where no slot or memory is left. The block is
/// aligned to a page.
pub(crate) fn map(size: usize) -> *mut u8 {
    if !is_allowed() {
        return ptr::null_mut();
    }
    let Some(block) = class_for(size).and_then(take_slot) else { return ptr::null_mut() };
    // SAFETY: the slot is ours, and nothing refers to it.
    if unsafe { os::map_over(block, size_of_slot(block), None, 0) } {
        count(0, size);
        return block;
    }
    give_slot_back(block);
    ptr::null_mut()
}

/// As [`map`], for a block that has grown and will again.
pub(crate) fn map_growing(size: usize) -> *mut u8 {
    if !is_allowed() {
        return ptr::null_mut();
    }
    let block = growing::map(size);
    if !block.is_null() {
        count(0, size);
    } else if size >= MAPPED_UNKEPT_MIN {
        return map(size);
    }
    block
}

/// Whether the pages of a block that is about to go will be kept, so that they
/// have to be wiped, instead of being returned to the kernel.
pub(crate) fn keep(block: *mut u8, size: usize) -> bool {
    growing::keep(block, size)
}

/// Up to where each page of a block is known to hold something, in bytes: what
/// need not be asked.
pub(crate) fn touched(block: *mut u8) -> usize {
    if contains(block) { growing::touched(block) } else { 0 }
}

/// Takes down that each page of a block of `size` bytes holds something.
pub(crate) fn note_touched(block: *mut u8, size: usize) {
    if contains(block) {
        growing::note_touched(block, size);
    }
}

/// Releases a block of `size` bytes: to the kernel, unless [`keep`] has said
/// otherwise.
///
/// # Safety
/// The block came from this module, and its owner gives it up.
pub(crate) unsafe fn release(block: *mut u8, size: usize) {
    registers::clear();
    count(size, 0);
    // SAFETY: the caller's promise.
    if unsafe { growing::put(block, size) } {
        return;
    }
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
        let reached = growing::reach(block, new_size);
        if reached {
            count(size, new_size);
        }
        return reached.then_some(block);
    }
    let moved = class_for(new_size).and_then(take_slot)?;
    // SAFETY: the old range is the block's, the new one its slot's.
    if !unsafe { os::move_pages(block, pages(size), moved, size_of_slot(moved)) } {
        give_slot_back(moved);
        return None;
    }
    count(size, new_size);
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
    count(size, new_size);
    // The old trailer stays behind where its page does; kept slots are blank.
    let at = (size - TRAILER_SIZE).max(new_size);
    // SAFETY: the place lies within the block.
    let trailer = unsafe { block.add(at) };
    // SAFETY: as above.
    unsafe { trailer.write_bytes(0, size - at) };
    if new < old {
        // SAFETY: the tail lies within the block.
        let tail = unsafe { block.add(new) };
        // SAFETY: its owner gave it up.
        unsafe { os::blank_pages(tail, old - new) };
        growing::note_blanked(block, new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 1 << 20;

    /// Fills a block with sevens.
    fn fill(block: *mut u8, size: usize) {
        // SAFETY: the tests' blocks have so many bytes.
        unsafe { block.write_bytes(7, size) };
    }

    /// The first byte that differs, and how many there are like it before.
    fn like(block: *mut u8, size: usize, byte: u8) -> bool {
        // SAFETY: the tests' blocks have so many bytes.
        let bytes = unsafe { core::slice::from_raw_parts(block, size) };
        bytes.iter().all(|&found| found == byte)
    }

    // One test: slots and what is kept are the process's.
    #[test]
    fn a_block_grows_in_place_then_moves_with_its_content() {
        let block = map(SIZE);
        assert!(contains(block));
        fill(block, SIZE);
        // SAFETY: the block is ours.
        let grown = unsafe { grow(block, SIZE, 2 * SIZE) }.unwrap();
        assert_eq!(grown, block);
        // SAFETY: as above.
        let moved = unsafe { grow(block, 2 * SIZE, 5 * SIZE) }.unwrap();
        assert_ne!(moved, block);
        leave(block, 2 * SIZE);
        assert!(like(moved, SIZE, 7));
        // SAFETY: the block has so many bytes.
        assert!(like(unsafe { moved.add(SIZE) }, 4 * SIZE, 0));
        assert!(!keep(moved, 5 * SIZE), "a block that never grew stands in no such slot");
        assert_eq!(live_size(), 5 * SIZE);
        // SAFETY: the block is ours.
        unsafe { release(moved, 5 * SIZE) };
        assert_eq!((slots::taken_count(), live_size()), (0, 0));

        let growing = map_growing(SIZE);
        for (size, new_size) in [(SIZE, 2 * SIZE), (2 * SIZE, 4 * SIZE), (4 * SIZE, 16 * SIZE)] {
            fill(growing, size);
            // SAFETY: the block is ours.
            assert_eq!(unsafe { grow(growing, size, new_size) }, Some(growing));
            assert!(like(growing, size, 7));
        }
        assert!(keep(growing, 16 * SIZE));
        // SAFETY: the block has so many bytes.
        unsafe { growing.write_bytes(0, 16 * SIZE) };
        // SAFETY: the block is ours.
        unsafe { release(growing, 16 * SIZE) };
        assert_eq!(slots::taken_count(), 1, "the slot is kept");
        assert_eq!(map_growing(3 * SIZE), growing, "and used again");
        assert!(like(growing, 32 * SIZE - 1, 0));

        // Room for the pages of one more of 15 MiB, but not of 17.
        let other = map_growing(SIZE);
        assert_ne!(other, growing);
        assert!(keep(growing, 3 * SIZE));
        // SAFETY: the block is ours.
        unsafe { release(growing, 3 * SIZE) };
        assert!(!keep(other, 17 * SIZE), "what was touched once counts");
        // SAFETY: the block is ours.
        assert_eq!(unsafe { grow(other, SIZE, 15 * SIZE) }, Some(other));
        assert!(keep(other, 15 * SIZE));
        // SAFETY: as above.
        unsafe { release(other, 15 * SIZE) };

        let largest = map_growing(32 * SIZE);
        assert_eq!(largest, growing);
        fill(largest, SIZE);
        // SAFETY: the block is ours.
        let moved = unsafe { grow(largest, 32 * SIZE, 64 * SIZE) }.unwrap();
        leave(largest, 32 * SIZE);
        assert!(like(moved, SIZE, 7));
        // SAFETY: as above.
        unsafe { shrink(moved, 64 * SIZE, 63 * SIZE - 1) };
        assert_eq!(live_size(), 63 * SIZE);
        // SAFETY: as above.
        unsafe { release(moved, 63 * SIZE - 1) };
        assert_eq!((slots::taken_count(), live_size()), (1, 0));
        assert!(kept_size() >= 15 * SIZE);
        assert_eq!(give_back(), 15 * SIZE);
        assert_eq!((slots::taken_count(), kept_size()), (0, 0));
    }
}
