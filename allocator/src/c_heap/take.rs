//! A C block comes, and goes.

use core::alloc::Layout;
use core::ptr;

use scrubjay_log_format::EventKind;

use super::errno::Errno;
use super::look::{self, Found};
use super::{OVER, TAG, count_stray};
use crate::heap::{self, Ruler};
use crate::limits::TRAILER_SIZE;
use crate::site::counters::Change;
use crate::{damage, recorder, release, trailer};

/// The layout with which a block is released.
pub(super) fn layout(size: usize) -> Layout {
    // SAFETY: 1 is a power of two, and no block is larger than isize::MAX.
    unsafe { Layout::from_size_align_unchecked(size, 1) }
}

/// Allocates `size` bytes by `alloc`, which is told to find room for the
/// trailer, too.
#[inline(always)]
pub(super) fn alloc(
    ruler: Ruler,
    kind: EventKind,
    size: usize,
    alloc: impl FnOnce(usize) -> *mut u8,
) -> *mut u8 {
    let block = size.checked_add(TRAILER_SIZE).map_or(ptr::null_mut(), alloc);
    if block.is_null() || heap::is_wrapped() {
        return without_trailer(ruler, block, size);
    }
    // SAFETY: the block is fresh.
    let usable = unsafe { ruler.usable_size(block) };
    let counted = usable.wrapping_sub(TRAILER_SIZE);
    let tag = TAG.index();
    let name = if let Some(hot) = recorder::hot()
        && let Some(cell) = hot.cell(tag)
        && !hot.is_sampled(counted)
    {
        hot.alloc(cell, tag, counted);
        tag
    } else {
        record_slowly(kind, block as usize, counted, tag)
    };
    // SAFETY: the block is fresh, and `alloc` made room.
    unsafe { trailer::write(block, counted, name) };
    block
}

/// Records a new block for a journal, and what is rare. Answers what its trailer
/// is to name.
#[inline(never)]
fn record_slowly(kind: EventKind, address: usize, size: usize, tag: u32) -> u32 {
    let _errno = Errno::keep();
    if let Some(hot) = recorder::hot_beyond()
        && let Some(cell) = hot.cell(tag)
    {
        let site = hot.new_site(tag);
        hot.note(cell, kind, (address, size), site);
        hot.count_site(site, Change::Allocated, size);
        hot.alloc(cell, tag, size);
        hot.done();
        return hot.name_of((address, size), site);
    }
    let recorded = recorder::enter(&OVER.config, |entry| {
        let site = entry.new_site(tag, size);
        entry.alloc(kind, address, size, site)
    });
    recorded.unwrap_or(tag)
}

/// A refusal, or a block for a wrapped allocator.
#[cold]
fn without_trailer(ruler: Ruler, block: *mut u8, size: usize) -> *mut u8 {
    if block.is_null() {
        let errno = Errno::keep();
        if !heap::is_wrapped() {
            recorder::enter(&OVER.config, |entry| entry.refused(0, size, TAG.index()));
        }
        errno.becomes(libc::ENOMEM);
    } else {
        // SAFETY: the block is fresh.
        unsafe { look::forget(ruler, block) };
    }
    block
}

/// Releases what C hands in.
///
/// # Safety
/// As for `free`; null is the caller's affair.
#[inline(always)]
pub(super) unsafe fn free(ruler: Ruler, block: *mut u8) {
    let _errno = Errno::keep();
    // SAFETY: the caller's promise.
    match unsafe { look::block(ruler, block) } {
        // SAFETY: the block is live, of this size, and its owner gives it up.
        Some(size) => unsafe { release::dealloc(&OVER, block, layout(size)) },
        // SAFETY: the caller's promise.
        None => unsafe { free_other(ruler, block) },
    }
}

/// # Safety
/// As for [`free`].
#[cold]
#[inline(never)]
unsafe fn free_other(ruler: Ruler, block: *mut u8) {
    if heap::is_wrapped() {
        // SAFETY: the caller's promise.
        return unsafe { heap::free(block) };
    }
    // SAFETY: as above.
    match unsafe { look::closer(ruler, block) } {
        Found::Block(size) | Found::Rusts(size) => {
            // SAFETY: the block is live, of this size, and its owner gives it up.
            unsafe { release::dealloc(&OVER, block, layout(size)) };
        }
        Found::Damaged(size) => damage::report(block, size, size + TRAILER_SIZE),
        Found::Stray(usable) => {
            count_stray(usable);
            // SAFETY: as above.
            unsafe { heap::free(block) };
        }
    }
}
