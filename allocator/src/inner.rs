//! The allocators that can stand behind scrubjay, and what each promises.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr;

use crate::limits::{MAPPED_GROWTH_MIN, MAPPED_KEPT_MIN, MAPPED_MIN, TRAILER_SIZE};
use crate::{heap, mapped};

/// What scrubjay needs of the allocator that it wraps. Sizes are those of the
/// program's blocks; room for the trailer is added here. What has a default is
/// about better ways to change a block's size than by copying.
///
/// # Safety
/// As for `GlobalAlloc`: blocks have their size and alignment, do not overlap,
/// stay as they are until they are released, and nothing unwinds.
pub(crate) unsafe trait Inner {
    /// A block of `layout` with room for the trailer, or null.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8;

    /// The same, zero-filled up to the trailer.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8;

    /// Releases a block.
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout);

    /// Whether a block can hold `new_size` bytes and a trailer where it
    /// stands, without anybody being asked.
    unsafe fn has_slack_for(&self, _: *mut u8, _: Layout, _new_size: usize) -> bool {
        false
    }

    /// The greatest alignment whose blocks [`Inner::shrink_in_place`] is
    /// promised to leave in place, their first bytes untouched, even where it
    /// fails; 0 if it is not promised at all.
    const SHRINKS_UP_TO_ALIGN: usize = 0;

    /// Gives the end of a block back.
    unsafe fn shrink_in_place(&self, _: *mut u8, _: Layout, _new_size: usize) {}

    /// Reallocates, and may move without wiping; `None` where that is no
    /// better than allocating, copying and releasing.
    unsafe fn realloc(&self, _: *mut u8, _: Layout, _new_size: usize) -> Option<*mut u8> {
        None
    }

    /// As [`Inner::alloc`], for a block that has grown and will again.
    unsafe fn alloc_growing(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        unsafe { self.alloc(layout) }
    }

    /// Whether the block is a mapping, whose pages the kernel gets back.
    fn is_mapped(&self, _: *mut u8, _: Layout) -> bool {
        false
    }

    /// Grows a mapped block by moving its pages, if need be; `None` where that
    /// fails, and nothing was done. A block that moved leaves its addresses
    /// taken until [`Inner::leave_mapping`].
    unsafe fn grow_mapping(&self, _: *mut u8, _: Layout, _new_size: usize) -> Option<*mut u8> {
        None
    }

    /// Whether the pages of a mapped block that is about to go stay with the
    /// process, so that they have to be wiped.
    fn keeps_mapping(&self, _: *mut u8, _: Layout) -> bool {
        false
    }

    /// Frees the addresses of a mapped block whose pages moved away.
    fn leave_mapping(&self, _: *mut u8, _: Layout) {}

    /// How many bytes of a mapped block stay mapped when it shrinks.
    fn kept_by_mapping(&self, new_size: usize) -> usize {
        new_size
    }

    /// Blanks the rest of the word that the trailer ends in, where that is known to
    /// be the block's: half an old address there and half a trailer would be a word
    /// that seems to point somewhere.
    unsafe fn blank_slack(&self, _: *mut u8, _: Layout) {}

    /// Bytes behind `block` that can be read to find out what befell it.
    unsafe fn readable_size(&self, block: *mut u8, layout: Layout) -> usize;

    /// Tells this allocator from any other, of another type or not.
    fn identity(&self) -> usize {
        let dealloc = Self::dealloc as unsafe fn(&Self, *mut u8, Layout);
        ptr::from_ref(self).addr() ^ dealloc as usize
    }
}

/// The layout with room for the trailer; `None` beyond the greatest size.
fn with_trailer(layout: Layout) -> Option<Layout> {
    let size = layout.size().checked_add(TRAILER_SIZE)?;
    Layout::from_size_align(size, layout.align()).ok()
}

/// The system's allocator: `malloc` and its family.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl System {
    /// What `malloc` aligns to on every 64-bit glibc and musl.
    const ALIGN: usize = 16;

    fn is_plain(layout: Layout) -> bool {
        layout.align() <= Self::ALIGN
    }

    /// # Safety
    /// As for `GlobalAlloc::alloc`.
    #[inline(always)]
    unsafe fn alloc_on_heap(layout: Layout) -> *mut u8 {
        // No overflow: a layout's size is at most isize::MAX.
        let size = layout.size() + TRAILER_SIZE;
        if Self::is_plain(layout) {
            return heap::malloc(size);
        }
        heap::aligned(layout.align(), size)
    }

    /// # Safety
    /// As for `GlobalAlloc::alloc`.
    #[cold]
    #[inline(never)]
    unsafe fn alloc_large(layout: Layout) -> *mut u8 {
        let block = Self::map(layout);
        if !block.is_null() {
            return block;
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { Self::alloc_on_heap(layout) }
    }

    fn is_mappable(layout: Layout) -> bool {
        layout.align() <= mapped::ALIGN
    }

    /// A mapping for a large block, which the kernel has blanked.
    #[cold]
    fn map(layout: Layout) -> *mut u8 {
        if !Self::is_mappable(layout) {
            return ptr::null_mut();
        }
        mapped::map(layout.size() + TRAILER_SIZE)
    }
}

// SAFETY: malloc, posix_memalign and free keep these promises.
unsafe impl Inner for System {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= MAPPED_MIN {
            // SAFETY: the caller's promises are passed on.
            return unsafe { Self::alloc_large(layout) };
        }
        // SAFETY: as above.
        unsafe { Self::alloc_on_heap(layout) }
    }

    #[inline(always)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= MAPPED_MIN {
            let block = Self::map(layout);
            if !block.is_null() {
                return block;
            }
        }
        if Self::is_plain(layout) {
            return heap::zeroed(layout.size() + TRAILER_SIZE);
        }
        // SAFETY: the caller's promises are passed on.
        let block = unsafe { Self::alloc_on_heap(layout) };
        if !block.is_null() {
            // SAFETY: the block was just allocated with this size.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    #[inline(always)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if self.is_mapped(block, layout) {
            // SAFETY: the caller hands over a block of ours.
            return unsafe { mapped::release(block, layout.size() + TRAILER_SIZE) };
        }
        // SAFETY: as above.
        unsafe { heap::free(block) };
    }

    #[inline(always)]
    unsafe fn has_slack_for(&self, block: *mut u8, layout: Layout, new_size: usize) -> bool {
        // SAFETY: the caller's promises are passed on.
        let usable = unsafe { self.readable_size(block, layout) };
        new_size.checked_add(TRAILER_SIZE).is_some_and(|size| size <= usable)
    }

    // glibc splits the chunk, or remaps it smaller, and answers the block itself
    // also where it can do neither. musl may move.
    const SHRINKS_UP_TO_ALIGN: usize = if cfg!(target_env = "gnu") { Self::ALIGN } else { 0 };

    #[inline(always)]
    unsafe fn shrink_in_place(&self, block: *mut u8, layout: Layout, new_size: usize) {
        if self.is_mapped(block, layout) {
            let [size, new_size] = [layout.size(), new_size].map(|size| size + TRAILER_SIZE);
            // SAFETY: the block is live, and its owner gave the tail up.
            return unsafe { mapped::shrink(block, size, new_size) };
        }
        // SAFETY: the block is live.
        unsafe { heap::realloc(block, new_size + TRAILER_SIZE) };
    }

    #[inline(always)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> Option<*mut u8> {
        if !Self::is_plain(layout) || self.is_mapped(block, layout) {
            return None;
        }
        let size = new_size.checked_add(TRAILER_SIZE)?;
        // SAFETY: the block is live; on null it stays as it is.
        Some(unsafe { heap::realloc(block, size) })
    }

    #[inline(always)]
    unsafe fn alloc_growing(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= MAPPED_GROWTH_MIN {
            let size = layout.size() + TRAILER_SIZE;
            let block =
                if Self::is_mappable(layout) { mapped::map_growing(size) } else { ptr::null_mut() };
            if !block.is_null() {
                return block;
            }
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { self.alloc(layout) }
    }

    #[inline(always)]
    fn is_mapped(&self, block: *mut u8, layout: Layout) -> bool {
        layout.size() >= MAPPED_KEPT_MIN && mapped::contains(block)
    }

    unsafe fn grow_mapping(
        &self,
        block: *mut u8,
        layout: Layout,
        new_size: usize,
    ) -> Option<*mut u8> {
        let new_size = new_size.checked_add(TRAILER_SIZE)?;
        // SAFETY: the caller's block is a mapped one.
        unsafe { mapped::grow(block, layout.size() + TRAILER_SIZE, new_size) }
    }

    fn keeps_mapping(&self, block: *mut u8, layout: Layout) -> bool {
        mapped::keep(block, layout.size() + TRAILER_SIZE)
    }

    fn leave_mapping(&self, block: *mut u8, layout: Layout) {
        mapped::leave(block, layout.size() + TRAILER_SIZE);
    }

    fn kept_by_mapping(&self, new_size: usize) -> usize {
        mapped::pages(new_size + TRAILER_SIZE)
    }

    #[cfg(target_env = "gnu")]
    #[inline(always)]
    unsafe fn blank_slack(&self, block: *mut u8, layout: Layout) {
        let end = layout.size() + TRAILER_SIZE;
        let rest = end.next_multiple_of(align_of::<usize>()) - end;
        // SAFETY: a chunk's usable bytes are whole words, and so are a page's.
        let place = unsafe { block.add(end) };
        // SAFETY: as above; the block is its owner's until it is released.
        unsafe { place.write_bytes(0, rest) };
    }

    #[inline(always)]
    // Any of them releases what another gave.
    fn identity(&self) -> usize {
        static IDENTITY: u8 = 0;
        ptr::from_ref(&IDENTITY).addr()
    }

    unsafe fn readable_size(&self, block: *mut u8, layout: Layout) -> usize {
        if layout.size() >= MAPPED_KEPT_MIN && mapped::contains(block) {
            return mapped::pages(layout.size() + TRAILER_SIZE);
        }
        // SAFETY: if the block is not live any more this reads the heap's own
        // words in front of it, which free would read, too.
        unsafe { heap::usable_size(block) }
    }
}

/// Any other global allocator. Nothing is asked of it but what `GlobalAlloc`
/// promises, so blocks grow and shrink by copying.
#[derive(Clone, Copy, Debug, Default)]
pub struct Over<A>(pub(crate) A);

// SAFETY: A keeps GlobalAlloc's promises.
unsafe impl<A: GlobalAlloc> Inner for Over<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match with_trailer(layout) {
            // SAFETY: the layout has a size: the trailer's at least.
            Some(layout) => heap::wrapped(|| unsafe { self.0.alloc(layout) }),
            None => ptr::null_mut(),
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match with_trailer(layout) {
            // SAFETY: as above.
            Some(layout) => heap::wrapped(|| unsafe { self.0.alloc_zeroed(layout) }),
            None => ptr::null_mut(),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(layout) = with_trailer(layout) {
            // SAFETY: the block was allocated with this very layout.
            heap::wrapped(|| unsafe { self.0.dealloc(block, layout) });
        }
    }

    unsafe fn readable_size(&self, _: *mut u8, layout: Layout) -> usize {
        layout.size() + TRAILER_SIZE
    }
}
