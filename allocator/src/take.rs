//! A block comes: ask the inner allocator, write the trailer, record.

use core::alloc::Layout;
use core::ptr;

use scrubjay_log_format::EventKind;

use crate::admission::{self, Charge};
use crate::control::{self, VERIFY};
use crate::inner::Inner;
use crate::recorder::{self, Hot};
use crate::site::counters::Change;
use crate::vault::{self, Answer};
use crate::wrapped::Wrapped;
use crate::{process, quarantine, tag, trailer};

/// # Safety
/// As for `GlobalAlloc::alloc`.
#[inline(always)]
pub(crate) unsafe fn alloc<I: Inner>(over: &Wrapped<I>, layout: Layout) -> *mut u8 {
    let Some(hot) = recorder::hot() else {
        // SAFETY: the caller's layout.
        return unsafe { alloc_slowly(over, layout) };
    };
    // SAFETY: as above.
    let block = unsafe { over.inner.alloc(layout) };
    // SAFETY: the block is fresh or null.
    unsafe { take_in(hot, over, layout, block, EventKind::Alloc) }
}

/// As [`alloc`], for all but the hot path: that needs less of the stack when it
/// knows what it is before it calls the inner allocator.
///
/// # Safety
/// As for `GlobalAlloc::alloc`.
#[inline(never)]
unsafe fn alloc_slowly<I: Inner>(over: &Wrapped<I>, layout: Layout) -> *mut u8 {
    if admission::is_due() {
        // SAFETY: the caller's layout.
        return unsafe { alloc_admitted(over, layout, EventKind::Alloc) };
    }
    // SAFETY: the caller's layout.
    let block = unsafe { over.inner.alloc(layout) };
    // SAFETY: the block is fresh, null, or the probe's.
    unsafe { take_in_slowly(over, layout, block, EventKind::Alloc) }
}

/// # Safety
/// As for `GlobalAlloc::alloc_zeroed`.
#[inline(always)]
pub(crate) unsafe fn alloc_zeroed<I: Inner>(over: &Wrapped<I>, layout: Layout) -> *mut u8 {
    let Some(hot) = recorder::hot() else {
        // SAFETY: the caller's layout.
        return unsafe { alloc_zeroed_slowly(over, layout) };
    };
    // SAFETY: as above.
    let block = unsafe { over.inner.alloc_zeroed(layout) };
    // SAFETY: the block is fresh or null.
    unsafe { take_in(hot, over, layout, block, EventKind::AllocZeroed) }
}

/// As [`alloc_slowly`].
///
/// # Safety
/// As for `GlobalAlloc::alloc_zeroed`.
#[inline(never)]
unsafe fn alloc_zeroed_slowly<I: Inner>(over: &Wrapped<I>, layout: Layout) -> *mut u8 {
    if admission::is_due() {
        // SAFETY: the caller's layout.
        return unsafe { alloc_admitted(over, layout, EventKind::AllocZeroed) };
    }
    // SAFETY: the caller's layout.
    let block = unsafe { over.inner.alloc_zeroed(layout) };
    // SAFETY: the block is fresh, null, or the probe's.
    unsafe { take_in_slowly(over, layout, block, EventKind::AllocZeroed) }
}

/// As [`alloc_slowly`], where the block may have to be charged to a budget first.
///
/// # Safety
/// As for `GlobalAlloc::alloc`.
#[inline(never)]
unsafe fn alloc_admitted<I: Inner>(over: &Wrapped<I>, layout: Layout, kind: EventKind) -> *mut u8 {
    // The constructor's question begins the process, and is no event of it.
    let charge = match process::is_probe() {
        true => Some(Charge::NONE),
        false => admission::admit(&over.config, layout.size()),
    };
    let Some(charge) = charge else { return ptr::null_mut() };
    let block = if kind == EventKind::AllocZeroed {
        // SAFETY: the caller's layout.
        unsafe { over.inner.alloc_zeroed(layout) }
    } else {
        // SAFETY: as above.
        unsafe { over.inner.alloc(layout) }
    };
    // SAFETY: the block is fresh, null, or the probe's.
    unsafe { take_in_beyond(over, layout, block, kind, charge) }
}

/// Records what the inner allocator answered: nothing is counted before.
///
/// # Safety
/// The block is null, or fresh and of that layout with room for the trailer.
#[inline(always)]
unsafe fn take_in<I: Inner>(
    hot: Hot,
    over: &Wrapped<I>,
    layout: Layout,
    block: *mut u8,
    kind: EventKind,
) -> *mut u8 {
    if let Some(cell) = hot.tag_cell()
        && !block.is_null()
        && !hot.is_sampled(layout.size())
    {
        // SAFETY: the block has room for its trailer.
        unsafe { trailer::write(block, layout.size(), hot.tag()) };
        hot.alloc(cell, hot.tag(), layout.size());
        return block;
    }
    // SAFETY: the caller's promises are passed on. A budget would have led elsewhere.
    unsafe { take_in_rarely(over, layout, block, kind, Charge::NONE) }
}

/// As [`take_in`], for a journal, and for stacks.
///
/// # Safety
/// As for [`take_in`].
#[inline(never)]
unsafe fn take_in_slowly<I: Inner>(
    over: &Wrapped<I>,
    layout: Layout,
    block: *mut u8,
    kind: EventKind,
) -> *mut u8 {
    // SAFETY: the caller's promises are passed on.
    unsafe { take_in_beyond(over, layout, block, kind, Charge::NONE) }
}

/// # Safety
/// As for [`take_in`].
#[inline(always)]
unsafe fn take_in_beyond<I: Inner>(
    over: &Wrapped<I>,
    layout: Layout,
    block: *mut u8,
    kind: EventKind,
    charge: Charge,
) -> *mut u8 {
    if let Some(hot) = recorder::hot_beyond()
        && let Some(cell) = hot.tag_cell()
        && !block.is_null()
    {
        let site = hot.new_site(hot.tag());
        let name = hot.name_of((block as usize, layout.size()), site);
        // SAFETY: the block has room for its trailer.
        unsafe { trailer::write(block, layout.size(), charge.mark(name)) };
        hot.note(cell, kind, (block as usize, layout.size()), site);
        // Before the tag, whose peak may be noted by sites.
        hot.count_site(site, Change::Allocated, layout.size());
        hot.alloc(cell, hot.tag(), layout.size());
        hot.done();
        return block;
    }
    // SAFETY: as above.
    unsafe { take_in_rarely(over, layout, block, kind, charge) }
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
    over: &Wrapped<I>,
    layout: Layout,
    block: *mut u8,
    kind: EventKind,
    charge: Charge,
) -> *mut u8 {
    if process::is_probe() {
        process::begin_now(&over.config);
        if !block.is_null() {
            // SAFETY: the block is fresh and nobody has it.
            unsafe { over.inner.dealloc(block, layout) };
        }
        return ptr::null_mut();
    }
    let taken = recorder::enter(&over.config, |entry| {
        let tag = entry.tag();
        // SAFETY: the caller's promises are passed on.
        let taken = unsafe { or_instead(over, layout, block, tag) };
        if taken.is_null() {
            charge.credit(tag, layout.size());
            entry.refused(0, layout.size(), tag);
        } else {
            let site = entry.new_site(tag, layout.size());
            let name = entry.alloc(kind, taken as usize, layout.size(), site);
            // SAFETY: the block has room for its trailer.
            unsafe { trailer::write(taken, layout.size(), charge.mark(name)) };
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
unsafe fn or_instead<I: Inner>(
    over: &Wrapped<I>,
    layout: Layout,
    block: *mut u8,
    tag: u32,
) -> *mut u8 {
    let other = match tag::vault(tag) {
        Some(vault) => match vault::alloc(vault, layout, tag) {
            Answer::Block(guarded) => guarded,
            Answer::Heap => return block,
            Answer::Refused => ptr::null_mut(),
        },
        None if control::mode() & VERIFY == 0 => return block,
        None => match quarantine::take(layout, over.inner.identity()) {
            Some(held) => held,
            None => return block,
        },
    };
    if !block.is_null() {
        // SAFETY: the block is fresh and nobody has it.
        unsafe { over.inner.dealloc(block, layout) };
    }
    other
}
