//! The four methods: count, record, wipe, release.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr;

use scrubjay_log_format::{EventKind, TagClass};

use crate::config::Config;
use crate::control::{self, JOURNAL};
use crate::inner::{Inner, Over, System};
use crate::limits::{MAPPED_GROWTH_MIN, MAPPED_KEPT_MIN, TAGS_MAX};
use crate::recorder::{self, Released};
use crate::trailer::{self, Valid};
use crate::{damage, process, tag, wipe};

/// The allocator: install it once, in the binary or the test.
///
/// ```
/// use scrubjay::Scrubjay;
///
/// #[global_allocator]
/// static ALLOCATOR: Scrubjay = Scrubjay::new();
/// # fn main() {}
/// ```
///
/// All of a process's `Scrubjay`s share one ledger.
#[derive(Debug)]
pub struct Scrubjay<I = System> {
    inner: I,
    config: Config,
}

impl Scrubjay<System> {
    /// Over the system's allocator, with the default settings.
    pub const fn new() -> Self {
        Self::with(Config::new())
    }

    /// Over the system's allocator, with settings.
    pub const fn with(config: Config) -> Self {
        Self { inner: System, config }
    }
}

impl<A: GlobalAlloc> Scrubjay<Over<A>> {
    /// Over another allocator, with the default settings.
    pub const fn over(allocator: A) -> Self {
        Self::over_with(allocator, Config::new())
    }

    /// Over another allocator, with settings.
    pub const fn over_with(allocator: A, config: Config) -> Self {
        Self { inner: Over(allocator), config }
    }
}

impl Default for Scrubjay<System> {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: layouts are honoured (the inner allocator is asked for the same
// alignment and eight bytes more), nothing unwinds (no method panics, and the
// inner allocator must not), and nothing allocates through itself.
unsafe impl GlobalAlloc for Scrubjay<System> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        unsafe { alloc(&self.inner, &self.config, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { alloc_zeroed(&self.inner, &self.config, layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { dealloc(&self.inner, &self.config, block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { realloc(&self.inner, &self.config, block, layout, new_size) }
    }
}

// SAFETY: as for `Scrubjay<System>`.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Scrubjay<Over<A>> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        unsafe { alloc(&self.inner, &self.config, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { alloc_zeroed(&self.inner, &self.config, layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { dealloc(&self.inner, &self.config, block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { realloc(&self.inner, &self.config, block, layout, new_size) }
    }
}

/// # Safety
/// As for `GlobalAlloc::alloc`.
#[inline]
unsafe fn alloc<I: Inner>(inner: &I, config: &Config, layout: Layout) -> *mut u8 {
    // SAFETY: the caller's layout.
    let block = unsafe { inner.alloc(layout) };
    // SAFETY: the block is fresh, null, or the probe's.
    unsafe { take_in(inner, config, layout, block, EventKind::Alloc) }
}

/// # Safety
/// As for `GlobalAlloc::alloc_zeroed`.
#[inline]
unsafe fn alloc_zeroed<I: Inner>(inner: &I, config: &Config, layout: Layout) -> *mut u8 {
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
        && !block.is_null()
    {
        // SAFETY: the block has room for its trailer.
        unsafe { trailer::write(block, layout.size(), hot.site) };
        hot.alloc(hot.site_cell, hot.site, layout.size());
        return block;
    }
    // SAFETY: the caller's promises are passed on.
    unsafe { take_in_slowly(inner, config, layout, block, kind) }
}

/// As [`take_in`], for a journal, and for what is rare: a first event, an
/// orphan, a refusal.
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
        && !block.is_null()
    {
        // SAFETY: the block has room for its trailer.
        unsafe { trailer::write(block, layout.size(), hot.site) };
        hot.note(hot.site_cell, kind, (block as usize, layout.size()), hot.site);
        hot.alloc(hot.site_cell, hot.site, layout.size());
        hot.done();
        return block;
    }
    if process::is_probe() {
        process::begin_now(config);
        if !block.is_null() {
            // SAFETY: the block is fresh and nobody has it.
            unsafe { inner.dealloc(block, layout) };
        }
        return ptr::null_mut();
    }
    recorder::enter(config, |entry| {
        let site = entry.site();
        if block.is_null() {
            entry.refused(0, layout.size(), site);
            return;
        }
        // SAFETY: the block has room for its trailer.
        unsafe { trailer::write(block, layout.size(), site) };
        entry.alloc(kind, block as usize, layout.size(), site);
    });
    block
}

/// # Safety
/// As for `GlobalAlloc::dealloc`.
#[inline]
unsafe fn dealloc<I: Inner>(inner: &I, config: &Config, block: *mut u8, layout: Layout) {
    if layout.size() < MAPPED_KEPT_MIN {
        // SAFETY: the caller's promises are passed on.
        unsafe { release(inner, config, block, layout) };
    } else {
        // SAFETY: as above.
        unsafe { release_large(inner, config, block, layout) };
    }
}

/// Out of line, so that a small block's release need not ask whether it is
/// mapped: its size is known to be too small.
///
/// # Safety
/// As for `GlobalAlloc::dealloc`.
#[cold]
#[inline(never)]
unsafe fn release_large<I: Inner>(inner: &I, config: &Config, block: *mut u8, layout: Layout) {
    // SAFETY: the caller's promises are passed on.
    unsafe { release(inner, config, block, layout) };
}

/// # Safety
/// As for `GlobalAlloc::dealloc`.
#[inline(always)]
unsafe fn release<I: Inner>(inner: &I, config: &Config, block: *mut u8, layout: Layout) {
    // SAFETY: the block is ours and has a trailer.
    let Some(valid) = (unsafe { trailer_of(inner, block, layout) }) else { return };
    let site = valid.site();
    if let Some(hot) = recorder::hot()
        && let Some(cell) = hot.cell(site)
    {
        hot.free(cell, site, layout.size());
        // SAFETY: the caller gives the block up.
        hot.released(cell, unsafe { wipe_whole(inner, block, layout, site) });
    } else {
        // SAFETY: as above.
        unsafe { give_up_slowly(inner, config, block, layout, site) };
    }
    // SAFETY: the block is ours until it is released here.
    unsafe { trailer::bury(block, layout.size(), valid) };
    // SAFETY: the block was allocated with this layout.
    unsafe { inner.dealloc(block, layout) };
}

/// Records and wipes a block that is about to be released, for a journal, and
/// for what is rare: an orphan, a tag whose cells the thread does not have yet.
///
/// # Safety
/// The block is live and its owner has given it up.
#[inline(never)]
unsafe fn give_up_slowly<I: Inner>(
    inner: &I,
    config: &Config,
    block: *mut u8,
    layout: Layout,
    site: u32,
) {
    let size = layout.size();
    if let Some(hot) = recorder::hot_with_journal()
        && let Some(cell) = hot.cell(site)
    {
        hot.note(cell, EventKind::Free, (block as usize, size), site);
        hot.free(cell, site, size);
        // SAFETY: the caller's promise.
        hot.released(cell, unsafe { wipe_whole(inner, block, layout, site) });
        hot.done();
        return;
    }
    recorder::enter(config, |entry| {
        entry.free(block as usize, size, site);
        // SAFETY: the caller's promise.
        entry.released(site, unsafe { wipe_whole(inner, block, layout, site) });
    });
}

/// The trailer of a block, or a report that it is damaged.
///
/// # Safety
/// The block came from `alloc` and its kin with this layout; if it did not, a
/// report is what the caller gets.
#[inline(always)]
unsafe fn trailer_of<I: Inner>(inner: &I, block: *mut u8, layout: Layout) -> Option<Valid> {
    // SAFETY: a block is followed by its trailer.
    let valid = unsafe { trailer::read(block, layout.size()) };
    if valid.is_none_or(|valid| valid.site() >= TAGS_MAX as u32) {
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
unsafe fn wipe_whole<I: Inner>(inner: &I, block: *mut u8, layout: Layout, site: u32) -> Released {
    let size = layout.size();
    if inner.is_mapped(block, layout) && !is_secret(site) {
        return Released { returned: size, ..Released::default() };
    }
    if tag::is_wiped(site) {
        // SAFETY: the block has so many bytes.
        unsafe { wipe::wipe(block, size) };
        Released { wiped: size, ..Released::default() }
    } else {
        Released { unwiped: size, ..Released::default() }
    }
}

/// Whether pages are overwritten before the kernel gets them.
fn is_secret(site: u32) -> bool {
    tag::is_wiped(site) && tag::class(site) == TagClass::Secret
}

/// # Safety
/// As for `GlobalAlloc::realloc`.
unsafe fn realloc<I: Inner>(
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
    if !tag::is_wiped(site) && control::mode() & JOURNAL == 0 {
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
    let returned = match is_mapped && !is_secret(site) {
        true => layout.size().saturating_sub(inner.kept_by_mapping(new_size)),
        false => 0,
    };
    let left = tail - returned;
    recorder::enter(config, |entry| {
        let old = (block as usize, layout.size());
        entry.realloc(old, (block as usize, new_size), site, 0);
        let wiped = if tag::is_wiped(site) {
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
