//! Slots for blocks that grow: large, mapped only as far as they are needed,
//! and kept, blank, when their block goes, so that the next one that grows finds
//! its pages there.
//!
//! Handing them to the kernel instead would be right, too, and costs the next
//! block a fault for every page: on a virtual machine 20 times what overwriting
//! the page does. The C library's heap keeps as much, unwiped.

use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::slots::{self, GROWING, give_slot_back, slot_size, take_slot};
use super::{ALIGN, pages};
use crate::limits::{KEPT_SIZE_MAX, KEPT_SLOTS_MAX, SLOTS_MAX, TRAILER_SIZE};
use crate::os;

/// How far a slot is mapped, and how far its pages may hold memory, in bytes;
/// between the two nobody has written.
static MAPPED: [AtomicU64; SLOTS_MAX] = [const { AtomicU64::new(0) }; SLOTS_MAX];
static TOUCHED: [AtomicU64; SLOTS_MAX] = [const { AtomicU64::new(0) }; SLOTS_MAX];
/// In [`TOUCHED`]: the slot is to be kept when its block goes.
const KEEP: u64 = 1;

/// Kept slots: a number and 1, or 0.
static KEPT: [AtomicU32; KEPT_SLOTS_MAX] = [const { AtomicU32::new(0) }; KEPT_SLOTS_MAX];
/// How many are kept or about to be, and what they may hold in bytes.
static KEPT_COUNT: AtomicUsize = AtomicUsize::new(0);
static KEPT_SIZE: AtomicUsize = AtomicUsize::new(0);

const _: () = assert!(slot_size(GROWING) >= KEPT_SIZE_MAX);
const _: () = assert!(SLOTS_MAX < u32::MAX as usize);

/// The number of the slot, if it is one for blocks that grow.
fn number_of(block: *mut u8) -> Option<usize> {
    slots::slot_of(block).filter(|&(class, _)| class == GROWING).map(|(_, number)| number)
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
        MAPPED[number].store(mapped as u64, Ordering::Relaxed);
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
    let mapped = MAPPED[number].load(Ordering::Relaxed) as usize;
    if size <= mapped {
        return true;
    }
    // SAFETY: the rest lies within the slot.
    let rest = unsafe { block.add(mapped) };
    // The kernel makes one mapping of the two, since they are alike.
    // SAFETY: the slot is ours, and nothing refers to its rest.
    let reached = unsafe { os::map_over(rest, wanted - mapped, None, 0) };
    if reached {
        MAPPED[number].store(wanted as u64, Ordering::Relaxed);
    }
    reached
}

/// A slot that was kept. Its pages are blank.
fn take_kept() -> Option<*mut u8> {
    if KEPT_COUNT.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let kept = KEPT.iter().find_map(|kept| match kept.load(Ordering::Relaxed) {
        0 => None,
        _ => Some(kept.swap(0, Ordering::Acquire)).filter(|&kept| kept > 0),
    })?;
    let number = kept as usize - 1;
    KEPT_SIZE.fetch_sub(TOUCHED[number].load(Ordering::Relaxed) as usize, Ordering::Relaxed);
    KEPT_COUNT.fetch_sub(1, Ordering::Relaxed);
    Some(slots::address_of(GROWING, number))
}

/// Whether the slot of a block of `size` bytes, which is about to go, will be
/// kept: then its owner has to wipe it. The trailer counts in the size.
pub(super) fn keep(block: *mut u8, size: usize) -> bool {
    let Some(number) = number_of(block) else { return false };
    let touched = pages(size).max(TOUCHED[number].load(Ordering::Relaxed) as usize);
    if KEPT_COUNT.fetch_add(1, Ordering::Relaxed) >= KEPT_SLOTS_MAX {
        KEPT_COUNT.fetch_sub(1, Ordering::Relaxed);
        return false;
    }
    if KEPT_SIZE.fetch_add(touched, Ordering::Relaxed) + touched > KEPT_SIZE_MAX {
        KEPT_SIZE.fetch_sub(touched, Ordering::Relaxed);
        KEPT_COUNT.fetch_sub(1, Ordering::Relaxed);
        return false;
    }
    TOUCHED[number].store(touched as u64 | KEEP, Ordering::Relaxed);
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
    let touched = TOUCHED[number].load(Ordering::Relaxed);
    if touched & KEEP == 0 {
        return false;
    }
    TOUCHED[number].store(touched & !KEEP, Ordering::Relaxed);
    // SAFETY: the block ends with its trailer.
    let trailer = unsafe { block.add(size - TRAILER_SIZE) };
    // SAFETY: as above.
    unsafe { trailer.write_bytes(0, TRAILER_SIZE) };
    for kept in &KEPT {
        let number = number as u32 + 1;
        if kept.compare_exchange(0, number, Ordering::Release, Ordering::Relaxed).is_ok() {
            return true;
        }
    }
    // Another thread is between taking one and counting it: as if not kept.
    KEPT_SIZE.fetch_sub(touched as usize & !(KEEP as usize), Ordering::Relaxed);
    KEPT_COUNT.fetch_sub(1, Ordering::Relaxed);
    false
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

const _: () = assert!(ALIGN as u64 > KEEP);
