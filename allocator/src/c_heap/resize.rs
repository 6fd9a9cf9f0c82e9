//! A C block changes its size.

use scrubjay_log_format::EventKind;

use super::errno::Errno;
use super::look::{self, Found};
use super::take::{self, layout};
use super::{OVER, TAG, count_stray};
use crate::heap::{self, Ruler};
use crate::limits::TRAILER_SIZE;
use crate::recorder::{self, Released};
use crate::release::{hand_back, wipe_whole};
use crate::{damage, site, tag, trailer, wipe};

/// Makes `wanted` bytes of a block; null, and nothing done, where there is no
/// room.
///
/// # Safety
/// As for `realloc`; null and a size of 0 are the caller's affair.
pub(super) unsafe fn realloc(ruler: Ruler, block: *mut u8, wanted: usize) -> *mut u8 {
    let errno = Errno::keep();
    // SAFETY: the caller's promise.
    let resized = match unsafe { look::block(ruler, block) } {
        // SAFETY: the block is live and of this size.
        Some(size) if size >= wanted => unsafe { shrink(ruler, block, size, wanted) },
        // SAFETY: as above.
        Some(size) => unsafe { grow(ruler, block, size, wanted) },
        // SAFETY: the caller's promise.
        None => unsafe { realloc_other(ruler, block, wanted) },
    };
    if resized.is_null() {
        errno.becomes(libc::ENOMEM);
    }
    resized
}

/// Shrinks in place: glibc splits the chunk or gives pages back, and moves
/// nothing. The tail is overwritten before anybody can get it. What remains is
/// known only afterwards, and recorded then: its address is still ours.
///
/// # Safety
/// The block is live, of that size, and C's; the size is not below the wanted.
unsafe fn shrink(ruler: Ruler, block: *mut u8, size: usize, wanted: usize) -> *mut u8 {
    // SAFETY: the block has room for its trailer.
    let Some(valid) = (unsafe { trailer::read(block, size) }) else { return block };
    let site = valid.site();
    let tag = site::tag_of(site);
    let is_wiped = tag::policy(tag).is_wiped();
    // SAFETY: the tail lies within the block.
    let tail = unsafe { block.add(wanted) };
    if is_wiped {
        // SAFETY: its owner gave it up.
        unsafe { wipe::wipe(tail, size - wanted) };
    }
    // SAFETY: the old trailer lies within the block, too.
    let old = unsafe { block.add(size) };
    // SAFETY: as above.
    unsafe { wipe::wipe(old, TRAILER_SIZE) };
    // SAFETY: the block is live; there is no overflow, the block being larger.
    let answered = unsafe { heap::realloc(block, wanted + TRAILER_SIZE) };
    let kept = if answered.is_null() { block } else { answered };
    // SAFETY: the block is live.
    let new_size = unsafe { ruler.usable_size(kept) }.wrapping_sub(TRAILER_SIZE);
    let recorded = recorder::enter(&OVER.config, |entry| {
        let new_site = entry.new_site(tag, new_size);
        let new = (kept as usize, new_size);
        let name = entry.realloc(((block as usize, size), valid), (new, new_site), 0);
        let carried = size.min(new_size);
        let left = size - carried;
        let (wiped, unwiped) = if is_wiped { (left, 0) } else { (0, left) };
        entry.released(site, Released { wiped, carried, unwiped, ..Released::default() });
        name
    });
    // SAFETY: its last bytes are the trailer's.
    unsafe { trailer::write(kept, new_size, recorded.unwrap_or(tag)) };
    kept
}

/// Allocates, copies, records, wipes, releases.
///
/// # Safety
/// The block is live, of that size, and C's.
unsafe fn grow(ruler: Ruler, block: *mut u8, size: usize, wanted: usize) -> *mut u8 {
    // SAFETY: the block has room for its trailer.
    let Some(valid) = (unsafe { trailer::read(block, size) }) else { return block };
    let site = valid.site();
    let tag = TAG.index();
    if site::tag_of(site) != tag {
        // Rust's, with a trailer that happens to lie where C's does.
        // SAFETY: the block is live and has so many bytes.
        return unsafe { replace(ruler, block, size, wanted) };
    }
    let moved = wanted.checked_add(TRAILER_SIZE).map_or(core::ptr::null_mut(), heap::malloc);
    if moved.is_null() {
        recorder::enter(&OVER.config, |entry| entry.refused(block as usize, wanted, site));
        return moved;
    }
    // SAFETY: both blocks have so many bytes, and they are different blocks.
    unsafe { moved.copy_from_nonoverlapping(block, size) };
    // SAFETY: the block is fresh.
    let new_size = unsafe { ruler.usable_size(moved) }.wrapping_sub(TRAILER_SIZE);
    let recorded = recorder::enter(&OVER.config, |entry| {
        let new_site = entry.new_site(tag, new_size);
        let new = (moved as usize, new_size);
        let name = entry.realloc(((block as usize, size), valid), (new, new_site), size);
        let policy = tag::policy(tag);
        // SAFETY: the program's bytes are in the new block.
        let released = unsafe { wipe_whole(&OVER.inner, block, layout(size), tag, policy) };
        entry.released(site, released);
        name
    });
    // SAFETY: its last bytes are the trailer's.
    unsafe { trailer::write(moved, new_size, recorded.unwrap_or(tag)) };
    // SAFETY: the old block is ours until it is released here.
    unsafe { hand_back(&OVER.inner, block, layout(size), valid) };
    moved
}

/// # Safety
/// As for [`realloc`].
#[cold]
unsafe fn realloc_other(ruler: Ruler, block: *mut u8, wanted: usize) -> *mut u8 {
    if heap::is_wrapped() {
        // SAFETY: the caller's promise.
        let resized = unsafe { heap::realloc(block, wanted) };
        if !resized.is_null() {
            // SAFETY: a trailer that was valid here was not written for this
            // block, so it has stood here since before.
            unsafe { look::forget(ruler, resized) };
        }
        return resized;
    }
    // SAFETY: the caller's promise.
    match unsafe { look::closer(ruler, block) } {
        // SAFETY: the block is live and has so many bytes.
        Found::Block(size) | Found::Rusts(size) => unsafe { replace(ruler, block, size, wanted) },
        Found::Damaged(size) => {
            damage::report(block, size, size + TRAILER_SIZE);
            core::ptr::null_mut()
        }
        // It has the room, and goes on as it is.
        Found::Stray(usable) if usable >= wanted => block,
        // A free block: glibc says what it thinks of that.
        // SAFETY: the caller's promise.
        Found::Stray(0) => unsafe { heap::realloc(block, wanted) },
        Found::Stray(usable) => {
            let moved = take::alloc(ruler, EventKind::Alloc, wanted, heap::malloc);
            if !moved.is_null() {
                // SAFETY: both blocks have so many bytes.
                unsafe { moved.copy_from_nonoverlapping(block, usable) };
                count_stray(usable);
                // SAFETY: the caller's promise.
                unsafe { heap::free(block) };
            }
            moved
        }
    }
}

/// A C block in place of one that is not C's.
///
/// # Safety
/// The block is live and of that size.
unsafe fn replace(ruler: Ruler, block: *mut u8, size: usize, wanted: usize) -> *mut u8 {
    let moved = take::alloc(ruler, EventKind::Alloc, wanted, heap::malloc);
    if !moved.is_null() {
        // SAFETY: both blocks have so many bytes.
        unsafe { moved.copy_from_nonoverlapping(block, size.min(wanted)) };
        // SAFETY: the caller's promise.
        unsafe { take::free(ruler, block) };
    }
    moved
}
