//! A block changes its size: in place, by moving its pages, or by moving its
//! bytes. Whatever it leaves behind is recorded and wiped first.

use core::alloc::Layout;
use core::ptr;

use crate::config::Config;
use crate::control::{self, JOURNAL};
use crate::inner::Inner;
use crate::limits::{MAPPED_GROWTH_MIN, MAPPED_KEPT_MIN};
use crate::recorder::{self, Released};
use crate::release::{trailer_of, wipe_whole};
use crate::trailer::{self, Valid};
use crate::{tag, wipe};

/// # Safety
/// As for `GlobalAlloc::realloc`.
pub(crate) unsafe fn realloc<I: Inner>(
    inner: &I,
    config: &Config,
    block: *mut u8,
    layout: Layout,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: the block is ours and has a trailer.
    let Some(valid) = (unsafe { trailer_of(inner, block, layout) }) else { return ptr::null_mut() };
    let site = valid.site();
    if new_size <= layout.size() {
        // SAFETY: the caller's promises are passed on.
        if unsafe { shrink(inner, config, block, layout, new_size, site) } {
            return block;
        }
    // SAFETY: the block is live.
    } else if unsafe { inner.has_slack_for(block, layout, new_size) } {
        record_in_place(config, block, layout.size(), new_size, site, layout.size());
        // SAFETY: the inner allocator said that there is room.
        unsafe { trailer::write(block, new_size, site) };
        return block;
    } else if inner.is_mapped(block, layout) {
        // SAFETY: the block is live and mapped.
        let grown = unsafe { grow_mapping(inner, config, block, layout, new_size, site) };
        if let Some(grown) = grown {
            return grown;
        }
    } else if new_size >= MAPPED_GROWTH_MIN {
        // SAFETY: the caller's promises are passed on.
        return unsafe { move_block(inner, config, block, layout, new_size, valid) };
    }
    if !tag::policy(site).is_wiped() && control::mode() & JOURNAL == 0 {
        // SAFETY: the caller's promises are passed on.
        let moved = unsafe { realloc_unwiped(inner, config, block, layout, new_size, site) };
        if let Some(moved) = moved {
            return moved;
        }
    }
    // SAFETY: as above.
    unsafe { move_block(inner, config, block, layout, new_size, valid) }
}

/// Shrinks in place, the tail wiped before anybody else can get it. False
/// where the inner allocator does not promise to leave the block alone.
///
/// # Safety
/// As for `GlobalAlloc::realloc`, and the new size is not above the old.
unsafe fn shrink<I: Inner>(
    inner: &I,
    config: &Config,
    block: *mut u8,
    layout: Layout,
    new_size: usize,
    site: u32,
) -> bool {
    if layout.align() > I::SHRINKS_UP_TO_ALIGN {
        return false;
    }
    let is_mapped = inner.is_mapped(block, layout);
    if is_mapped && new_size < MAPPED_KEPT_MIN {
        return false;
    }
    let tail = layout.size() - new_size;
    // What the kernel gets back as whole pages it blanks itself.
    let returned = match is_mapped && !tag::is_secret(site) {
        true => layout.size().saturating_sub(inner.kept_by_mapping(new_size)),
        false => 0,
    };
    let left = tail - returned;
    recorder::enter(config, |entry| {
        let old = (block as usize, layout.size());
        entry.realloc(old, (block as usize, new_size), site, 0);
        let wiped = if tag::policy(site).is_wiped() {
            // SAFETY: the tail lies within the block, and its owner gave it up.
            let start = unsafe { block.add(new_size) };
            // SAFETY: as above.
            unsafe { wipe::wipe(start, left) };
            left
        } else {
            0
        };
        let unwiped = left - wiped;
        entry.released(site, Released { wiped, carried: new_size, returned, unwiped });
    });
    // SAFETY: there is as much room as before.
    unsafe { trailer::write(block, new_size, site) };
    // SAFETY: the block is live, and shrinking in place is promised.
    unsafe { inner.shrink_in_place(block, layout, new_size) };
    true
}

fn record_in_place(
    config: &Config,
    block: *mut u8,
    old_size: usize,
    new_size: usize,
    site: u32,
    carried: usize,
) {
    recorder::enter(config, |entry| {
        let address = block as usize;
        entry.realloc((address, old_size), (address, new_size), site, 0);
        entry.released(site, Released { carried, ..Released::default() });
    });
}

/// Grows a mapped block: its pages move, nothing is copied, nothing remains.
/// `None`, and nothing done, where that fails.
///
/// # Safety
/// As for `GlobalAlloc::realloc`, and the block is mapped.
unsafe fn grow_mapping<I: Inner>(
    inner: &I,
    config: &Config,
    block: *mut u8,
    layout: Layout,
    new_size: usize,
    site: u32,
) -> Option<*mut u8> {
    // SAFETY: the caller's promises are passed on.
    let grown = unsafe { inner.grow_mapping(block, layout, new_size) }?;
    recorder::enter(config, |entry| {
        let old = (block as usize, layout.size());
        entry.realloc(old, (grown as usize, new_size), site, 0);
        entry.released(site, Released { carried: layout.size(), ..Released::default() });
    });
    if grown != block {
        inner.leave_mapping(block, layout);
    }
    // SAFETY: the block has room for its trailer.
    unsafe { trailer::write(grown, new_size, site) };
    Some(grown)
}

/// Lets the inner allocator move a block that nobody wants wiped. In count
/// mode only: the old address may be another thread's before the release is
/// recorded.
///
/// # Safety
/// As for `GlobalAlloc::realloc`.
unsafe fn realloc_unwiped<I: Inner>(
    inner: &I,
    config: &Config,
    block: *mut u8,
    layout: Layout,
    new_size: usize,
    site: u32,
) -> Option<*mut u8> {
    // SAFETY: the caller's promises are passed on.
    let moved = unsafe { inner.realloc(block, layout, new_size) }?;
    if moved.is_null() {
        recorder::enter(config, |entry| entry.refused(block as usize, new_size, site));
        return Some(moved);
    }
    // SAFETY: the block has room for its trailer.
    unsafe { trailer::write(moved, new_size, site) };
    if moved == block {
        record_in_place(config, block, layout.size(), new_size, site, layout.size());
    } else {
        let kept = layout.size().min(new_size);
        recorder::enter(config, |entry| {
            let old = (block as usize, layout.size());
            entry.realloc(old, (moved as usize, new_size), site, kept);
            entry.released(site, Released { unwiped: layout.size(), ..Released::default() });
        });
    }
    Some(moved)
}

/// Allocates, copies, wipes, releases. On null the old block is untouched.
///
/// # Safety
/// As for `GlobalAlloc::realloc`.
unsafe fn move_block<I: Inner>(
    inner: &I,
    config: &Config,
    block: *mut u8,
    layout: Layout,
    new_size: usize,
    valid: Valid,
) -> *mut u8 {
    let site = valid.site();
    // SAFETY: the caller promises that the new size does not overflow.
    let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
    let moved = if new_size > layout.size() {
        // SAFETY: the layout is valid.
        unsafe { inner.alloc_growing(new_layout) }
    } else {
        // SAFETY: as above.
        unsafe { inner.alloc(new_layout) }
    };
    if moved.is_null() {
        recorder::enter(config, |entry| entry.refused(block as usize, new_size, site));
        return moved;
    }
    let kept = layout.size().min(new_size);
    // SAFETY: both blocks have so many bytes, and they are different blocks.
    unsafe { moved.copy_from_nonoverlapping(block, kept) };
    // SAFETY: the block has room for its trailer.
    unsafe { trailer::write(moved, new_size, site) };
    recorder::enter(config, |entry| {
        let old = (block as usize, layout.size());
        entry.realloc(old, (moved as usize, new_size), site, kept);
        // SAFETY: the program's bytes are in the new block.
        let released = unsafe { wipe_whole(inner, block, layout, site) };
        entry.released(site, released);
    });
    // SAFETY: the old block is ours until it is released here.
    unsafe { trailer::bury(block, layout.size(), valid) };
    // SAFETY: it was allocated with this layout.
    unsafe { inner.dealloc(block, layout) };
    moved
}
