//! A block comes: ask the inner allocator, write the trailer, record.

use core::alloc::Layout;
use core::ptr;

use scrubjay_log_format::EventKind;

use crate::config::Config;
use crate::control::{self, VERIFY};
use crate::inner::Inner;
use crate::vault::{self, Answer};
use crate::{process, quarantine, recorder, tag, trailer};

/// # Safety
/// As for `GlobalAlloc::alloc`.
#[inline(always)]
pub(crate) unsafe fn alloc<I: Inner>(inner: &I, config: &Config, layout: Layout) -> *mut u8 {
    // SAFETY: the caller's layout.
    let block = unsafe { inner.alloc(layout) };
    // SAFETY: the block is fresh, null, or the probe's.
    unsafe { take_in(inner, config, layout, block, EventKind::Alloc) }
}

/// # Safety
/// As for `GlobalAlloc::alloc_zeroed`.
#[inline(always)]
pub(crate) unsafe fn alloc_zeroed<I: Inner>(inner: &I, config: &Config, layout: Layout) -> *mut u8 {
    // SAFETY: the caller's layout.
    let block = unsafe { inner.alloc_zeroed(layout) };
    // SAFETY: the block is fresh, null, or the probe's.
    unsafe { take_in(inner, config, layout, block, EventKind::AllocZeroed) }
}

/// Records what the inner allocator answered: nothing is counted before.
///
/// # Safety
/// The block is null, or fresh and of that layout with room for the trailer.
#[inline(always)]
unsafe fn take_in<I: Inner>(
    inner: &I,
    config: &Config,
    layout: Layout,
    block: *mut u8,
    kind: EventKind,
) -> *mut u8 {
    if let Some(hot) = recorder::hot()
        && let Some(cell) = hot.site_cell
        && !block.is_null()
    {
        // SAFETY: the block has room for its trailer.
        unsafe { trailer::write(block, layout.size(), hot.site) };
        hot.alloc(cell, hot.site, layout.size());
        return block;
    }
    // SAFETY: the caller's promises are passed on.
    unsafe { take_in_slowly(inner, config, layout, block, kind) }
}

/// As [`take_in`], for a journal.
///
/// # Safety
/// As for [`take_in`].
#[inline(never)]
unsafe fn take_in_slowly<I: Inner>(
    inner: &I,
    config: &Config,
    layout: Layout,
    block: *mut u8,
    kind: EventKind,
) -> *mut u8 {
    if let Some(hot) = recorder::hot_with_journal()
        && let Some(cell) = hot.site_cell
        && !block.is_null()
    {
        // SAFETY: the block has room for its trailer.
        unsafe { trailer::write(block, layout.size(), hot.site) };
        hot.note(cell, kind, (block as usize, layout.size()), hot.site);
        hot.alloc(cell, hot.site, layout.size());
        hot.done();
        return block;
    }
    // SAFETY: as above.
    unsafe { take_in_rarely(inner, config, layout, block, kind) }
}

/// As [`take_in`], for tags that ask for more than counters, and for what is
/// rare: a first event, an orphan, a refusal. Out of line, so that a journal's
/// events need not make room for its variables.
///
/// # Safety
/// As for [`take_in`].
#[cold]
#[inline(never)]
unsafe fn take_in_rarely<I: Inner>(
    inner: &I,
    config: &Config,
    layout: Layout,
    block: *mut u8,
    kind: EventKind,
) -> *mut u8 {
    if process::is_probe() {
        process::begin_now(config);
        if !block.is_null() {
            // SAFETY: the block is fresh and nobody has it.
            unsafe { inner.dealloc(block, layout) };
        }
        return ptr::null_mut();
    }
    let taken = recorder::enter(config, |entry| {
        let site = entry.site();
        // SAFETY: the caller's promises are passed on.
        let taken = unsafe { or_instead(inner, layout, block, site) };
        if taken.is_null() {
            entry.refused(0, layout.size(), site);
        } else {
            // SAFETY: the block has room for its trailer.
            unsafe { trailer::write(taken, layout.size(), site) };
            entry.alloc(kind, taken as usize, layout.size(), site);
        }
        taken
    });
    taken.unwrap_or(block)
}

/// What the program gets: the inner allocator's block, or another in its place.
/// Asked only here, so that the hot path need not.
///
/// # Safety
/// As for [`take_in`].
unsafe fn or_instead<I: Inner>(inner: &I, layout: Layout, block: *mut u8, site: u32) -> *mut u8 {
    let other = match tag::vault(site) {
        Some(vault) => match vault::alloc(vault, layout, site) {
            Answer::Block(guarded) => guarded,
            Answer::Heap => return block,
            Answer::Refused => ptr::null_mut(),
        },
        None if control::mode() & VERIFY == 0 => return block,
        None => match quarantine::take(layout, inner.identity()) {
            Some(held) => held,
            None => return block,
        },
    };
    if !block.is_null() {
        // SAFETY: the block is fresh and nobody has it.
        unsafe { inner.dealloc(block, layout) };
    }
    other
}
