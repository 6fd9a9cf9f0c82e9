//! Slots for blocks that grow: large, mapped only as far as they are needed,
//! and kept, blank, when their block goes, so that the next one that grows finds
//! its pages there.
//!
//! Handing them to the kernel instead would be right, too, and costs the next
//! block a fault for every page: on a virtual machine 20 times what overwriting
//! the page does. The C library's heap keeps as much, unwiped.

use core::ptr;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::slots::{self, GROWING, give_slot_back, slot_size, take_slot};
use super::{ALIGN, pages};
use crate::limits::{KEPT_SIZE_MAX, SLOTS_MAX, TRAILER_SIZE};
use crate::os;

/// How far a slot is mapped, in bytes.
static MAPPED: [AtomicUsize; SLOTS_MAX] = [const { AtomicUsize::new(0) }; SLOTS_MAX];
/// What a kept slot's pages may hold, in bytes; [`KEEP`] is set from the moment
/// that its block's release begins.
static HELD: [AtomicUsize; SLOTS_MAX] = [const { AtomicUsize::new(0) }; SLOTS_MAX];
const KEEP: usize = 1;
/// Up to where each page of a slot is known to hold something, in bytes.
static TOUCHED: [AtomicUsize; SLOTS_MAX] = [const { AtomicUsize::new(0) }; SLOTS_MAX];

/// Kept slots, a bit each.
static KEPT: [AtomicU64; SLOTS_MAX / 64] = [const { AtomicU64::new(0) }; SLOTS_MAX / 64];
/// What all that are kept, or about to be, may hold in bytes.
static KEPT_SIZE: AtomicUsize = AtomicUsize::new(0);

const _: () = assert!(slot_size(GROWING) >= KEPT_SIZE_MAX);
const _: () = assert!(ALIGN > KEEP);

/// The number of the slot that a block stands in, if it is one for blocks that
/// grow.
fn number_of(block: *mut u8) -> Option<usize> {
    let (class, number) = slots::slot_of(block)?;
    (class == GROWING && slots::address_of(class, number) == block).then_some(number)
}

/// How much is mapped for a block of `size` bytes: it can double.
fn mapped_for(size: usize) -> Option<usize> {
    let doubled = size.checked_next_power_of_two()?.checked_mul(2)?;
    (size <= slot_size(GROWING)).then(|| pages(doubled).min(slot_size(GROWING)))
}

/// `size` bytes of zeros for a block that grows; null where there are none.
pub(super) fn map(size: usize) -> *mut u8 {
    let Some(mapped) = mapped_for(size) else { return ptr::null_mut() };
    if let Some(block) = take_kept() {
        if reach(block, size) {
            return block;
        }
        // SAFETY: the slot is ours, and blank.
        unsafe { unmap(block) };
        return ptr::null_mut();
    }
    let Some(block) = take_slot(GROWING) else { return ptr::null_mut() };
    // SAFETY: the slot is ours, and nothing refers to it.
    if unsafe { os::map_over(block, mapped, None, 0) }
        && let Some(number) = number_of(block)
    {
        MAPPED[number].store(mapped, Ordering::Relaxed);
        HELD[number].store(0, Ordering::Relaxed);
        TOUCHED[number].store(0, Ordering::Relaxed);
        return block;
    }
    give_slot_back(block);
    ptr::null_mut()
}

/// Sees to it that a slot, large enough, is mapped for a block of `size` bytes;
/// false, and nothing changed, where that fails. Other slots are mapped whole.
pub(super) fn reach(block: *mut u8, size: usize) -> bool {
    let Some(number) = number_of(block) else { return true };
    let Some(wanted) = mapped_for(size) else { return false };
    let mapped = MAPPED[number].load(Ordering::Relaxed);
    if size <= mapped {
        return true;
    }
    // SAFETY: the rest lies within the slot.
    let rest = unsafe { block.add(mapped) };
    // The kernel makes one mapping of the two, since they are alike.
    // SAFETY: the slot is ours, and nothing refers to its rest.
    let reached = unsafe { os::map_over(rest, wanted - mapped, None, 0) };
    if reached {
        MAPPED[number].store(wanted, Ordering::Relaxed);
    }
    reached
}

/// What slots without a block may hold in pages, bytes.
pub(super) fn kept_size() -> usize {
    KEPT_SIZE.load(Ordering::Relaxed)
}

/// Gives all kept slots back to the kernel; answers what they may have held.
pub(super) fn give_back() -> usize {
    let mut size = 0;
    while let Some(block) = take_kept() {
        size += number_of(block).map_or(0, |number| HELD[number].load(Ordering::Relaxed));
        // SAFETY: the slot is ours, and blank.
        unsafe { unmap(block) };
    }
    size
}

/// A slot that was kept. Its pages are blank.
fn take_kept() -> Option<*mut u8> {
    if KEPT_SIZE.load(Ordering::Relaxed) == 0 {
        return None;
    }
    for (index, word) in KEPT.iter().enumerate() {
        let mut kept = word.load(Ordering::Relaxed);
        while kept != 0 {
            let bit = kept.trailing_zeros() as usize;
            let without = kept & !(1 << bit);
            match word.compare_exchange_weak(kept, without, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    let number = index * 64 + bit;
                    let held = HELD[number].load(Ordering::Relaxed);
                    KEPT_SIZE.fetch_sub(held, Ordering::Relaxed);
                    return Some(slots::address_of(GROWING, number));
                }
                Err(now) => kept = now,
            }
        }
    }
    None
}

/// Whether the slot of a block of `size` bytes, which is about to go, will be
/// kept: then its owner has to wipe it. The trailer counts in the size.
pub(super) fn keep(block: *mut u8, size: usize) -> bool {
    let Some(number) = number_of(block) else { return false };
    let held = pages(size).max(HELD[number].load(Ordering::Relaxed));
    if KEPT_SIZE.fetch_add(held, Ordering::Relaxed) + held > KEPT_SIZE_MAX {
        KEPT_SIZE.fetch_sub(held, Ordering::Relaxed);
        return false;
    }
    HELD[number].store(held | KEEP, Ordering::Relaxed);
    true
}

/// Keeps the slot of a block that is blank but for its trailer, if [`keep`] has
/// said so; false, and nothing done, otherwise.
///
/// # Safety
/// The block came from this module with `size` bytes, and its owner gives it
/// up.
pub(super) unsafe fn put(block: *mut u8, size: usize) -> bool {
    let Some(number) = number_of(block) else { return false };
    let held = HELD[number].load(Ordering::Relaxed);
    if held & KEEP == 0 {
        return false;
    }
    HELD[number].store(held & !KEEP, Ordering::Relaxed);
    // SAFETY: the block ends with its trailer.
    let trailer = unsafe { block.add(size - TRAILER_SIZE) };
    // SAFETY: as above.
    unsafe { trailer.write_bytes(0, TRAILER_SIZE) };
    KEPT[number / 64].fetch_or(1 << (number % 64), Ordering::Release);
    true
}

/// Up to where each page of a slot is known to hold something, in bytes; 0 for
/// what is no block that grows.
pub(super) fn touched(block: *mut u8) -> usize {
    number_of(block).map_or(0, |number| TOUCHED[number].load(Ordering::Relaxed))
}

/// Takes down that each page of a block of `size` bytes holds something.
pub(super) fn note_touched(block: *mut u8, size: usize) {
    if let Some(number) = number_of(block) {
        TOUCHED[number].fetch_max(size, Ordering::Relaxed);
    }
}

/// Takes down that pages of a slot hold nothing any more, from `size` on.
pub(super) fn note_blanked(block: *mut u8, size: usize) {
    if let Some(number) = number_of(block) {
        TOUCHED[number].fetch_min(size, Ordering::Relaxed);
    }
}

/// Gives a slot's pages back to the kernel.
///
/// # Safety
/// The slot is the caller's, who gives it up.
unsafe fn unmap(block: *mut u8) {
    // SAFETY: the caller's promise.
    if unsafe { os::return_pages(block, slot_size(GROWING)) } {
        give_slot_back(block);
    }
}
