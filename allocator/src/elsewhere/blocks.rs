//! A block comes, goes, or changes its size.
//!
//! Order on release: count the free, wipe, release. Nothing is counted before
//! the inner allocator has answered.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr;

use super::ledger::{self, Released};
use super::{begin, damage, scope, wipe};
use crate::config::Config;
use crate::limits::TRAILER_SIZE;
use crate::trailer::Valid;
use crate::{tag, trailer};

/// The layout with room for the trailer; `None` beyond the greatest size.
fn with_trailer(layout: Layout) -> Option<Layout> {
    let size = layout.size().checked_add(TRAILER_SIZE)?;
    Layout::from_size_align(size, layout.align()).ok()
}

/// # Safety
/// As for `GlobalAlloc::alloc`.
#[inline]
pub(super) unsafe fn alloc<A: GlobalAlloc>(inner: &A, config: &Config, layout: Layout) -> *mut u8 {
    let taken = with_trailer(layout).filter(|_| may_have_a_block(config));
    // SAFETY: the layout has a size: the trailer's at least.
    let block = taken.map_or(ptr::null_mut(), |layout| unsafe { inner.alloc(layout) });
    // SAFETY: the block is fresh or null.
    unsafe { take_in(block, layout) }
}

/// # Safety
/// As for `GlobalAlloc::alloc_zeroed`.
#[inline]
pub(super) unsafe fn alloc_zeroed<A: GlobalAlloc>(
    inner: &A,
    config: &Config,
    layout: Layout,
) -> *mut u8 {
    let taken = with_trailer(layout).filter(|_| may_have_a_block(config));
    // SAFETY: the layout has a size: the trailer's at least.
    let block = taken.map_or(ptr::null_mut(), |layout| unsafe { inner.alloc_zeroed(layout) });
    // SAFETY: the block is fresh or null.
    unsafe { take_in(block, layout) }
}

/// Whether the thread's tag may have a block: not if it asks for guarded memory,
/// of which there is none, and allows nothing less.
fn may_have_a_block(config: &Config) -> bool {
    begin::begin(config);
    let tag = scope::tag();
    if !tag::policy(tag).is_vault() || tag::vault(tag).is_some_and(|vault| vault.may_be_heap()) {
        return true;
    }
    ledger::note_vault_refused(tag);
    false
}

/// Writes the trailer, and counts what the inner allocator answered.
///
/// # Safety
/// The block is null, or fresh and of that layout with room for the trailer.
unsafe fn take_in(block: *mut u8, layout: Layout) -> *mut u8 {
    let tag = scope::tag();
    if block.is_null() {
        ledger::failed(tag);
    } else {
        // SAFETY: the block has room for its trailer.
        unsafe { trailer::write(block, layout.size(), tag) };
        ledger::allocated(tag, layout.size());
    }
    block
}

/// # Safety
/// As for `GlobalAlloc::dealloc`.
#[inline]
pub(super) unsafe fn dealloc<A: GlobalAlloc>(
    inner: &A,
    config: &Config,
    block: *mut u8,
    layout: Layout,
) {
    // SAFETY: the block is ours and has a trailer.
    let Some(valid) = (unsafe { trailer_of(config, block, layout) }) else { return };
    ledger::freed(valid.site(), layout.size(), what_becomes(valid, layout.size()));
    // SAFETY: the caller gives the block up.
    unsafe { release(inner, block, layout, valid) };
}

/// The trailer of a live block; of another it is said what is wrong, and the
/// block must be left alone.
///
/// # Safety
/// So many bytes are readable, and the trailer behind them.
unsafe fn trailer_of(config: &Config, block: *mut u8, layout: Layout) -> Option<Valid> {
    // SAFETY: the caller's promise.
    let valid = unsafe { trailer::read(block, layout.size()) };
    if valid.is_none_or(|valid| valid.site() >= tag::count()) {
        // SAFETY: as above.
        unsafe { damage::report(begin::begin(config), block, layout.size()) };
        return None;
    }
    valid
}

/// What [`release`] will do with a block's bytes.
fn what_becomes(valid: Valid, size: usize) -> Released {
    match tag::policy(valid.site()).is_wiped() {
        true => Released { wiped: size, ..Released::default() },
        false => Released { unwiped: size, ..Released::default() },
    }
}

/// Wipes a block and hands it back.
///
/// # Safety
/// The block is live, and of this layout and nobody's any more.
unsafe fn release<A: GlobalAlloc>(inner: &A, block: *mut u8, layout: Layout, valid: Valid) {
    if tag::policy(valid.site()).is_wiped() {
        // SAFETY: the block has so many bytes.
        unsafe { wipe::wipe(block, layout.size()) };
    }
    // SAFETY: the block is ours until it is released here.
    unsafe { trailer::bury(block, layout.size(), valid) };
    if let Some(layout) = with_trailer(layout) {
        // SAFETY: the block was allocated with this very layout.
        unsafe { inner.dealloc(block, layout) };
    }
}

/// # Safety
/// As for `GlobalAlloc::realloc`.
#[inline]
pub(super) unsafe fn realloc<A: GlobalAlloc>(
    inner: &A,
    config: &Config,
    block: *mut u8,
    layout: Layout,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: the block is ours and has a trailer.
    let Some(valid) = (unsafe { trailer_of(config, block, layout) }) else {
        return ptr::null_mut();
    };
    let new_layout = Layout::from_size_align(new_size, layout.align()).ok();
    let both = new_layout.and_then(with_trailer).zip(with_trailer(layout));
    let moved = match both {
        None => ptr::null_mut(),
        Some((new, old)) if !tag::policy(valid.site()).is_wiped() => {
            // SAFETY: the block was allocated with the old layout; the new size
            // is valid for its alignment.
            unsafe { inner.realloc(block, old, new.size()) }
        }
        // SAFETY: the layout has a size: the trailer's at least.
        Some((new, _)) => unsafe { inner.alloc(new) },
    };
    if moved.is_null() {
        // The old block is as it was.
        ledger::failed(valid.site());
        return moved;
    }
    // SAFETY: both blocks are live, or the inner allocator has moved the bytes.
    unsafe { settle(inner, (block, layout), (moved, new_size), valid) };
    moved
}

/// Does what is left of a realloc: counts it, and where the block is to be wiped
/// copies, wipes and releases the old one.
///
/// # Safety
/// The new block has room for its size and a trailer. If the tag is wiped, the
/// old one is live and another; if not, it is not there any more.
unsafe fn settle<A: GlobalAlloc>(
    inner: &A,
    (block, layout): (*mut u8, Layout),
    (moved, new_size): (*mut u8, usize),
    valid: Valid,
) {
    let (tag, size) = (valid.site(), layout.size());
    let released = if moved == block {
        let carried = size.min(new_size);
        Released { carried, unwiped: size - carried, ..Released::default() }
    } else {
        what_becomes(valid, size)
    };
    // SAFETY: the block has room for its trailer.
    unsafe { trailer::write(moved, new_size, tag) };
    ledger::reallocated(tag, (size, new_size), moved != block, released);
    if tag::policy(tag).is_wiped() {
        // SAFETY: both have so many bytes, and they are different blocks.
        unsafe { moved.copy_from_nonoverlapping(block, size.min(new_size)) };
        // SAFETY: the program's bytes are in the new block.
        unsafe { release(inner, block, layout, valid) };
    }
}
