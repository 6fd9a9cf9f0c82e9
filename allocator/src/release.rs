//! A block goes: look at its trailer, record, wipe, release.

use core::alloc::Layout;

use scrubjay_log_format::EventKind;

use crate::admission::Charge;
use crate::control::{self, VERIFY};
use crate::inner::Inner;
use crate::limits::TAGS_MAX;
use crate::quarantine::{self, Held};
use crate::recorder::{self, Hot, Released};
use crate::site::counters::Change;
use crate::store::Cell;
use crate::tag::{self, Policy};
use crate::trailer::{self, Valid};
use crate::vault::{self, Found, Guarded};
use crate::wrapped::Wrapped;
use crate::{damage, site, wipe};

/// Releases a block. A small one that only has to be counted, and perhaps
/// wiped, is done here; whatever leaves this way is the last thing that is done, so that it
/// needs no stack.
///
/// # Safety
/// As for `GlobalAlloc::dealloc`.
#[inline(always)]
pub(crate) unsafe fn dealloc<I: Inner>(over: &Wrapped<I>, block: *mut u8, layout: Layout) {
    if vault::contains(block) {
        // SAFETY: the caller's promises are passed on.
        unsafe { release_guarded(over, block, layout) };
    } else if layout.size() <= wipe::SMALL_MAX
        && let Some(hot) = recorder::hot()
        // SAFETY: a block is followed by its trailer.
        && let Some(valid) = unsafe { trailer::read_below(block, layout.size(), TAGS_MAX as u32) }
        && tag::policy(valid.site()).is_plain()
        && let Some(cell) = hot.cell(valid.site())
    {
        if hot.free(cell, layout.size()) {
            // SAFETY: the release is recorded.
            unsafe { publish_and_hand_back(over, block, layout) };
        } else {
            // SAFETY: as above.
            unsafe { wipe_and_hand_back(over, block, layout, valid, (hot, cell)) };
        }
    } else {
        // SAFETY: the caller's promises are passed on.
        unsafe { release(over, block, layout) };
    }
}

/// # Safety
/// The block has this layout, at most [`wipe::SMALL_MAX`] bytes, and its
/// release is recorded.
#[inline(always)]
unsafe fn wipe_and_hand_back<I: Inner>(
    over: &Wrapped<I>,
    block: *mut u8,
    layout: Layout,
    valid: Valid,
    (hot, cell): (Hot, &Cell),
) {
    if tag::policy(valid.site()).is_wiped() {
        // SAFETY: the block has so many bytes.
        unsafe { wipe::wipe(block, layout.size()) };
        hot.wiped(cell, layout.size());
    } else {
        let released = Released { unwiped: layout.size(), ..Released::default() };
        hot.released_unrecorded(cell, released);
    }
    // SAFETY: the block is ours until it is released here.
    unsafe { trailer::bury(block, layout.size(), valid) };
    // SAFETY: the block was allocated with this layout.
    unsafe { over.inner.dealloc(block, layout) };
}

/// Finds out once more what [`dealloc`] knew: so it has little to hand on.
///
/// # Safety
/// As for [`wipe_and_hand_back`].
#[cold]
#[inline(never)]
unsafe fn publish_and_hand_back<I: Inner>(over: &Wrapped<I>, block: *mut u8, layout: Layout) {
    // SAFETY: a block is followed by its trailer.
    if let Some(valid) = unsafe { trailer::read(block, layout.size()) }
        && let Some(hot) = recorder::hot()
        && let Some(cell) = hot.cell(valid.site())
    {
        hot.publish(cell, valid.site());
        // SAFETY: the caller's promises are passed on.
        unsafe { wipe_and_hand_back(over, block, layout, valid, (hot, cell)) };
    }
}

/// Releases a block of a vault. One that a forked child has lost is not its to
/// release; one that cannot be made writable again stays as it is, and live.
///
/// # Safety
/// As for `GlobalAlloc::dealloc`, and the block lies in the range of vaults.
#[cold]
#[inline(never)]
unsafe fn release_guarded<I: Inner>(over: &Wrapped<I>, block: *mut u8, layout: Layout) {
    match vault::find(block) {
        Found::Gone { .. } => {}
        Found::Nothing => damage::report_missing(block, layout.size()),
        // SAFETY: the caller's promises are passed on.
        Found::Foreign => unsafe { release(over, block, layout) },
        Found::Here { size, site } if size != layout.size() => {
            damage::report_layout(block, layout.size(), size, site);
        }
        Found::Here { .. } => {
            // SAFETY: the caller gives the block up.
            if unsafe { vault::open(block) }.is_some() {
                let inner = Guarded { heap: &over.inner, site: 0 };
                let guarded = Wrapped { inner, config: over.config };
                // SAFETY: as above.
                unsafe { release(&guarded, block, layout) };
            }
        }
    }
}

/// As [`dealloc`], for larger blocks, and for damaged ones.
///
/// # Safety
/// As for `GlobalAlloc::dealloc`.
#[inline(never)]
unsafe fn release<I: Inner>(over: &Wrapped<I>, block: *mut u8, layout: Layout) {
    // SAFETY: the block is ours and has a trailer.
    let Some(valid) = (unsafe { trailer_of(&over.inner, block, layout) }) else { return };
    if Charge::of(valid) != Charge::NONE {
        // SAFETY: the caller's promises are passed on.
        return unsafe { release_charged(over, block, layout, valid) };
    }
    // SAFETY: as above.
    unsafe { release_valid(over, block, layout, valid) };
}

/// Releases a block that a budget counts: it has room again once the block is gone.
///
/// # Safety
/// The block is live and its owner has given it up.
#[inline(never)]
unsafe fn release_charged<I: Inner>(
    over: &Wrapped<I>,
    block: *mut u8,
    layout: Layout,
    valid: Valid,
) {
    // SAFETY: the caller's promise.
    unsafe { release_valid(over, block, layout, valid) };
    Charge::of(valid).credit(site::tag_of(valid.site()), layout.size());
}

/// # Safety
/// The block is live and its owner has given it up.
#[inline(always)]
unsafe fn release_valid<I: Inner>(over: &Wrapped<I>, block: *mut u8, layout: Layout, valid: Valid) {
    let tag = site::tag_of(valid.site());
    let policy = tag::policy(tag);
    if policy.is_plain()
        && let Some(hot) = recorder::hot()
        && let Some(cell) = hot.cell(tag)
    {
        hot.leave_record(valid, layout.size());
        if hot.free(cell, layout.size()) {
            hot.publish(cell, tag);
        }
        hot.count_site(valid.site(), Change::Freed, layout.size());
        // SAFETY: the caller gives the block up.
        let released = unsafe { wipe_whole(&over.inner, block, layout, tag, policy) };
        hot.released(cell, valid, released);
        // SAFETY: the block is ours until it is released here.
        unsafe { bury(&over.inner, block, layout, valid) };
        // SAFETY: the block was allocated with this layout.
        unsafe { over.inner.dealloc(block, layout) };
    } else {
        // SAFETY: as above.
        unsafe { release_slowly(over, block, layout, valid) };
    }
}

/// As [`release`], for a journal, and where new blocks have stacks.
///
/// # Safety
/// The block is live and its owner has given it up.
#[inline(never)]
unsafe fn release_slowly<I: Inner>(
    over: &Wrapped<I>,
    block: *mut u8,
    layout: Layout,
    valid: Valid,
) {
    let (site, size) = (valid.site(), layout.size());
    let tag = site::tag_of(site);
    let policy = tag::policy(tag);
    if let Some(hot) = recorder::hot_beyond()
        && let Some(cell) = hot.cell(tag)
        && policy.is_plain()
    {
        hot.note(cell, EventKind::Free, (block as usize, size), site);
        hot.leave_record(valid, size);
        if hot.free(cell, size) {
            hot.publish(cell, tag);
        }
        hot.count_site(site, Change::Freed, size);
        // SAFETY: the caller's promise.
        let released = unsafe { wipe_whole(&over.inner, block, layout, tag, policy) };
        hot.released(cell, valid, released);
        hot.done();
        // SAFETY: the block is ours until it is released here.
        unsafe { bury(&over.inner, block, layout, valid) };
        // SAFETY: the block was allocated with this layout.
        unsafe { over.inner.dealloc(block, layout) };
    } else {
        // SAFETY: as above.
        unsafe { release_rarely(over, block, layout, valid) };
    }
}

/// As [`release`], for tags that ask for more than counters and an overwrite,
/// and for what is rare: an orphan, a tag whose cells the thread does not have
/// yet. Out of line, so that a journal's events need not make room for its
/// variables.
///
/// # Safety
/// The block is live and its owner has given it up.
#[cold]
#[inline(never)]
unsafe fn release_rarely<I: Inner>(
    over: &Wrapped<I>,
    block: *mut u8,
    layout: Layout,
    valid: Valid,
) {
    let site = valid.site();
    recorder::enter(&over.config, |entry| {
        entry.free(block as usize, layout.size(), valid);
        let tag = site::tag_of(site);
        // SAFETY: the caller's promise.
        let released = unsafe { wipe_whole(&over.inner, block, layout, tag, tag::policy(tag)) };
        entry.released(site, released);
    });
    // SAFETY: as above.
    unsafe { hand_back(&over.inner, block, layout, valid) };
}

/// Turns the trailer into a tombstone. Where blocks have records somebody may search
/// memory for pointers: nothing is left behind that looks like one.
///
/// # Safety
/// The block has this layout and is recorded as released.
#[inline(always)]
unsafe fn bury<I: Inner>(inner: &I, block: *mut u8, layout: Layout, valid: Valid) {
    if valid.record().is_some() {
        // SAFETY: the caller's promise.
        unsafe { inner.blank_slack(block, layout) };
    }
    // SAFETY: as above.
    unsafe { trailer::bury(block, layout.size(), valid) };
}

/// Gives a block that is recorded and wiped back, by way of the quarantine
/// where blocks are verified.
///
/// # Safety
/// The block was allocated with this layout, and nobody has it any more.
pub(crate) unsafe fn hand_back<I: Inner>(inner: &I, block: *mut u8, layout: Layout, valid: Valid) {
    // SAFETY: the block is ours until it is released here.
    unsafe { bury(inner, block, layout, valid) };
    let site = valid.site();
    let is_wiped = tag::policy(site::tag_of(site)).is_wiped();
    let held = Held { block, layout, site, owner: inner.identity() };
    let due = match control::mode() & VERIFY {
        0 => Some(held),
        _ if inner.is_mapped(block, layout) || !is_wiped => Some(held),
        // Whoever writes a vault's block after its release gets a fault.
        _ if vault::contains(block) => Some(held),
        _ => quarantine::put(held),
    };
    if let Some(due) = due {
        // SAFETY: either the caller's block, or one that this very allocator gave
        // with that layout.
        unsafe { inner.dealloc(due.block, due.layout) };
    }
}

/// The trailer of a block, or a report that it is damaged.
///
/// # Safety
/// The block came from `alloc` and its kin with this layout; if it did not, a
/// report is what the caller gets.
#[inline(always)]
pub(crate) unsafe fn trailer_of<I: Inner>(
    inner: &I,
    block: *mut u8,
    layout: Layout,
) -> Option<Valid> {
    // SAFETY: a block is followed by its trailer.
    let valid = unsafe { trailer::read(block, layout.size()) };
    if valid.is_none() {
        // SAFETY: as above.
        let readable = unsafe { inner.readable_size(block, layout) };
        damage::report(block, layout.size(), readable);
        return None;
    }
    valid
}

/// Sees to it that nothing of a block that is about to be released remains, as
/// its tag wants it.
///
/// # Safety
/// The block is live and its owner has given it up.
#[inline(always)]
pub(crate) unsafe fn wipe_whole<I: Inner>(
    inner: &I,
    block: *mut u8,
    layout: Layout,
    tag: u32,
    policy: Policy,
) -> Released {
    let size = layout.size();
    if inner.is_mapped(block, layout) {
        let is_kept = policy.is_wiped() && inner.keeps_mapping(block, layout);
        if !is_kept && !tag::is_secret(tag) {
            return Released { returned: size, ..Released::default() };
        }
    }
    if policy.is_wiped() {
        // SAFETY: the block has so many bytes.
        unsafe { wipe::wipe(block, size) };
        Released { wiped: size, ..Released::default() }
    } else {
        Released { unwiped: size, ..Released::default() }
    }
}
