//! A block changes its size: in place, by moving its pages, or by moving its
//! bytes. Whatever it leaves behind is recorded and wiped first.

use core::alloc::Layout;
use core::ptr;

use crate::admission::{self, Charge};
use crate::control::{self, JOURNAL};
use crate::damage;
use crate::inner::Inner;
use crate::limits::{MAPPED_GROWTH_MIN, MAPPED_KEPT_MIN};
use crate::recorder::{self, Released};
use crate::release::{hand_back, trailer_of, wipe_whole};
use crate::tag::{self, Policy};
use crate::trailer::{self, Valid};
use crate::vault::{self, Found, Guarded};
use crate::wrapped::Wrapped;
use crate::{copy, site, wipe};

/// # Safety
/// As for `GlobalAlloc::realloc`.
pub(crate) unsafe fn realloc<I: Inner>(
    over: &Wrapped<I>,
    block: *mut u8,
    layout: Layout,
    new_size: usize,
) -> *mut u8 {
    if vault::contains(block) {
        // SAFETY: the caller's promises are passed on.
        return unsafe { resize_guarded(over, block, layout, new_size) };
    }
    // SAFETY: as above.
    unsafe { resize(over, block, layout, new_size) }
}

/// Reallocates a block of a vault: null where a forked child has lost it, or
/// where it cannot be made writable for its wipe.
///
/// # Safety
/// As for `GlobalAlloc::realloc`, and the block lies in the range of vaults.
#[cold]
#[inline(never)]
unsafe fn resize_guarded<I: Inner>(
    over: &Wrapped<I>,
    block: *mut u8,
    layout: Layout,
    new_size: usize,
) -> *mut u8 {
    match vault::find(block) {
        Found::Gone { site } => {
            recorder::enter(&over.config, |entry| entry.refused(block as usize, new_size, site));
            ptr::null_mut()
        }
        Found::Nothing => {
            damage::report_missing(block, layout.size());
            ptr::null_mut()
        }
        // SAFETY: the caller's promises are passed on.
        Found::Foreign => unsafe { resize(over, block, layout, new_size) },
        Found::Here { size, site } if size != layout.size() => {
            damage::report_layout(block, layout.size(), size, site);
            ptr::null_mut()
        }
        Found::Here { site, .. } => {
            // SAFETY: the block is live, and its owner wants it elsewhere.
            let Some(was_frozen) = (unsafe { vault::open(block) }) else {
                return ptr::null_mut();
            };
            let inner = Guarded { heap: &over.inner, site };
            let guarded = Wrapped { inner, config: over.config };
            // SAFETY: the caller's promises are passed on.
            let moved = unsafe { resize(&guarded, block, layout, new_size) };
            if moved.is_null() && was_frozen {
                vault::close(block);
            }
            moved
        }
    }
}

/// # Safety
/// As for `GlobalAlloc::realloc`.
#[inline(always)]
unsafe fn resize<I: Inner>(
    over: &Wrapped<I>,
    block: *mut u8,
    layout: Layout,
    new_size: usize,
) -> *mut u8 {
    let inner = &over.inner;
    // SAFETY: the block is ours and has a trailer.
    let Some(valid) = (unsafe { trailer_of(inner, block, layout) }) else { return ptr::null_mut() };
    let site = valid.site();
    let tag = site::tag_of(site);
    let old = Old { over, block, layout, valid, site, tag, policy: tag::policy(tag) };
    if new_size <= layout.size() {
        // SAFETY: the caller's promises are passed on.
        if unsafe { old.shrink(new_size) } {
            return block;
        }
    // SAFETY: the block is live.
    } else if unsafe { inner.has_slack_for(block, layout, new_size) } {
        let Some((charge, _)) = old.admit(new_size, false) else { return ptr::null_mut() };
        let name = charge.mark(old.record_in_place(new_size));
        // SAFETY: the inner allocator said that there is room.
        unsafe { trailer::write(block, new_size, name) };
        return block;
    } else if inner.is_mapped(block, layout) {
        // SAFETY: the block is live and mapped.
        if let Some(grown) = unsafe { old.grow_mapping(new_size) } {
            return grown;
        }
    } else if new_size >= MAPPED_GROWTH_MIN && !old.may_be_left() {
        // SAFETY: the caller's promises are passed on.
        return unsafe { old.move_block(new_size) };
    }
    if old.may_be_left() {
        // SAFETY: the caller's promises are passed on.
        if let Some(moved) = unsafe { old.realloc_unwiped(new_size) } {
            return moved;
        }
    }
    // SAFETY: as above.
    unsafe { old.move_block(new_size) }
}

/// The block that is reallocated: live, and its owner wants another size.
struct Old<'a, I> {
    over: &'a Wrapped<I>,
    block: *mut u8,
    layout: Layout,
    valid: Valid,
    site: u32,
    tag: u32,
    policy: Policy,
}

impl<I: Inner> Old<'_, I> {
    /// Address and size.
    fn place(&self) -> (usize, usize) {
        (self.block as usize, self.layout.size())
    }

    /// Records a realloc, and answers what the new block's trailer is to name: a
    /// site of the old one's tag and the stack of this call, or its record.
    fn record(
        &self,
        new: (usize, usize),
        copied: usize,
        released: impl FnOnce() -> Released,
    ) -> u32 {
        let recorded = recorder::enter(&self.over.config, |entry| {
            let new_site = entry.new_site(self.tag, new.1);
            let name = entry.realloc((self.place(), self.valid), (new, new_site), copied);
            entry.released(new_site, released());
            name
        });
        recorded.unwrap_or(self.tag)
    }

    /// Charges what a new size needs to the budgets of the block's tag. Answers the new
    /// block's charge and how much that was; `None` where it is refused.
    #[inline(always)]
    fn admit(&self, new_size: usize, moves: bool) -> Option<(Charge, usize)> {
        if !self.policy.is_budgeted() {
            return Some((Charge::NONE, 0));
        }
        let (config, valid) = (&self.over.config, self.valid);
        admission::admit_realloc(config, self.place(), valid, new_size, moves)
    }

    /// Credits what the block had and has no more.
    #[inline(always)]
    fn credit(&self, size: usize) {
        Charge::of(self.valid).credit(self.tag, size);
    }

    fn record_in_place(&self, new_size: usize) -> u32 {
        let carried = self.layout.size();
        let new = (self.block as usize, new_size);
        self.record(new, 0, || Released { carried, ..Released::default() })
    }

    fn record_refused(&self, new_size: usize) {
        recorder::enter(&self.over.config, |entry| {
            entry.refused(self.block as usize, new_size, self.site);
        });
    }

    /// Shrinks in place, the tail wiped before anybody else can get it. False
    /// where the inner allocator does not promise to leave the block alone.
    ///
    /// # Safety
    /// As for `GlobalAlloc::realloc`, and the new size is not above the old.
    unsafe fn shrink(&self, new_size: usize) -> bool {
        let (inner, block, layout) = (&self.over.inner, self.block, self.layout);
        if layout.align() > I::SHRINKS_UP_TO_ALIGN {
            return false;
        }
        let is_mapped = inner.is_mapped(block, layout);
        if is_mapped && new_size < MAPPED_KEPT_MIN {
            return false;
        }
        let tail = layout.size() - new_size;
        // What the kernel gets back as whole pages it blanks itself.
        let returned = match is_mapped && !tag::is_secret(self.tag) {
            true => layout.size().saturating_sub(inner.kept_by_mapping(new_size)),
            false => 0,
        };
        let left = tail - returned;
        let kept = Released { carried: new_size, returned, ..Released::default() };
        let name = self.record((block as usize, new_size), 0, || {
            if !self.policy.is_wiped() {
                return Released { unwiped: left, ..kept };
            }
            // SAFETY: the tail lies within the block, and its owner gave it up.
            let start = unsafe { block.add(new_size) };
            // SAFETY: as above.
            unsafe { wipe::wipe(start, left) };
            Released { wiped: left, ..kept }
        });
        let name = Charge::of(self.valid).mark(name);
        // SAFETY: there is as much room as before.
        unsafe { trailer::write(block, new_size, name) };
        // SAFETY: the block is live, and shrinking in place is promised.
        unsafe { inner.shrink_in_place(block, layout, new_size) };
        self.credit(tail);
        true
    }

    /// Grows a mapped block: its pages move, nothing is copied, nothing
    /// remains. `None`, and nothing done, where that fails.
    ///
    /// # Safety
    /// As for `GlobalAlloc::realloc`, and the block is mapped.
    unsafe fn grow_mapping(&self, new_size: usize) -> Option<*mut u8> {
        let carried = self.layout.size();
        let Some((charge, charged)) = self.admit(new_size, false) else {
            return Some(ptr::null_mut());
        };
        // SAFETY: the caller's promises are passed on.
        let grown = unsafe { self.over.inner.grow_mapping(self.block, self.layout, new_size) };
        let Some(grown) = grown else {
            charge.credit(self.tag, charged);
            return None;
        };
        let new = (grown as usize, new_size);
        let name = self.record(new, 0, || Released { carried, ..Released::default() });
        if grown != self.block {
            self.over.inner.leave_mapping(self.block, self.layout);
        }
        // SAFETY: the block has room for its trailer.
        unsafe { trailer::write(grown, new_size, charge.mark(name)) };
        Some(grown)
    }

    /// Whether the inner allocator may move the block: nobody wants it wiped,
    /// and nobody notes when its address is free. In a journal the old address
    /// might be another thread's before the release is recorded.
    fn may_be_left(&self) -> bool {
        !self.policy.is_wiped() && control::mode() & JOURNAL == 0
    }

    /// Lets the inner allocator move a block that may be left.
    ///
    /// # Safety
    /// As for `GlobalAlloc::realloc`.
    unsafe fn realloc_unwiped(&self, new_size: usize) -> Option<*mut u8> {
        let Some((charge, charged)) = self.admit(new_size, false) else {
            return Some(ptr::null_mut());
        };
        // SAFETY: the caller's promises are passed on.
        let moved = unsafe { self.over.inner.realloc(self.block, self.layout, new_size) };
        if moved.is_none_or(<*mut u8>::is_null) {
            charge.credit(self.tag, charged);
        }
        let moved = moved?;
        if moved.is_null() {
            self.record_refused(new_size);
            return Some(moved);
        }
        self.credit(self.layout.size().saturating_sub(new_size));
        let name = if moved == self.block {
            self.record_in_place(new_size)
        } else {
            let released = Released { unwiped: self.layout.size(), ..Released::default() };
            self.record_moved(moved, new_size, || released)
        };
        // SAFETY: the block has room for its trailer.
        unsafe { trailer::write(moved, new_size, charge.mark(name)) };
        Some(moved)
    }

    /// Records a realloc that copied what fits.
    fn record_moved(
        &self,
        moved: *mut u8,
        new_size: usize,
        released: impl FnOnce() -> Released,
    ) -> u32 {
        let copied = self.layout.size().min(new_size);
        self.record((moved as usize, new_size), copied, released)
    }

    /// Allocates, copies, wipes, releases. On null the old block is untouched.
    ///
    /// # Safety
    /// As for `GlobalAlloc::realloc`.
    unsafe fn move_block(&self, new_size: usize) -> *mut u8 {
        let (inner, block, layout) = (&self.over.inner, self.block, self.layout);
        let Some((charge, charged)) = self.admit(new_size, true) else {
            return ptr::null_mut();
        };
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
            charge.credit(self.tag, charged);
            self.record_refused(new_size);
            return moved;
        }
        // SAFETY: both blocks have so many bytes, and they are different blocks.
        unsafe { copy::copy(block, moved, layout.size().min(new_size)) };
        let name = self.record_moved(moved, new_size, || {
            // SAFETY: the program's bytes are in the new block.
            unsafe { wipe_whole(inner, block, layout, self.tag, self.policy) }
        });
        // SAFETY: the block has room for its trailer.
        unsafe { trailer::write(moved, new_size, charge.mark(name)) };
        // SAFETY: the block was allocated with this layout, and nobody has it.
        unsafe { hand_back(inner, block, layout, self.valid) };
        self.credit(layout.size());
        moved
    }
}
