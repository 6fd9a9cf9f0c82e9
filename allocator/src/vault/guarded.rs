//! Vaults in the place of the inner allocator.

use core::alloc::Layout;
use core::ptr;

use crate::inner::Inner;
use crate::tag;

use super::Answer;

/// A tag's vault, and the allocator of the blocks that may stand in for its
/// own. Blocks grow and shrink by copying.
pub(crate) struct Guarded<'a, I> {
    pub(crate) heap: &'a I,
    pub(crate) site: u32,
}

impl<I: Inner> Guarded<'_, I> {
    fn answer(&self, layout: Layout) -> Answer {
        // A block whose tag is no vault's is not asked for here.
        tag::vault(self.site).map_or(Answer::Heap, |vault| super::alloc(vault, layout, self.site))
    }
}

// SAFETY: blocks of a vault have pages of their own, as many as they need; the
// others keep the promises of the allocator that they came from.
unsafe impl<I: Inner> Inner for Guarded<'_, I> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.answer(layout) {
            Answer::Block(block) => block,
            // SAFETY: the caller's promises are passed on.
            Answer::Heap => unsafe { self.heap.alloc(layout) },
            Answer::Refused => ptr::null_mut(),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match self.answer(layout) {
            Answer::Block(block) => block,
            // SAFETY: the caller's promises are passed on.
            Answer::Heap => unsafe { self.heap.alloc_zeroed(layout) },
            Answer::Refused => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if super::contains(block) {
            // SAFETY: the caller hands over a block of a vault's.
            unsafe { super::dealloc(block) };
        } else {
            // SAFETY: the block came from the other one.
            unsafe { self.heap.dealloc(block, layout) };
        }
    }

    unsafe fn readable_size(&self, block: *mut u8, _: Layout) -> usize {
        super::readable_size(block)
    }
}
