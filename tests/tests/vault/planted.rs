//! An inner allocator that hands out one place that it is told.
#![expect(unsafe_code, reason = "an allocator's methods are unsafe by their trait")]

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering};

use scrubjay_tests::inner::Unhelpful;

/// The next block of [`SIZE`] bytes with a trailer stands here; 0 for none.
static NEXT: AtomicUsize = AtomicUsize::new(0);
/// The block that stands there; 0 for none.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Of the block that is planted.
pub const SIZE: usize = 77;
const TRAILER_SIZE: usize = 8;

/// [`Unhelpful`], but for the planted block.
pub struct Planted;

/// Has the next block of its size stand at an address.
pub fn plant(address: usize) {
    NEXT.store(address, Ordering::Relaxed);
}

/// Whether it is live.
pub fn is_live() -> bool {
    LIVE.load(Ordering::Relaxed) != 0
}

// SAFETY: the planted block is memory of the test's own; all others are another
// allocator's.
unsafe impl GlobalAlloc for Planted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() == SIZE + TRAILER_SIZE {
            let address = NEXT.swap(0, Ordering::Relaxed);
            if address != 0 {
                LIVE.store(address, Ordering::Relaxed);
                return std::ptr::with_exposed_provenance_mut(address);
            }
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { Unhelpful.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if block as usize == LIVE.load(Ordering::Relaxed) {
            LIVE.store(0, Ordering::Relaxed);
            return;
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { Unhelpful.dealloc(block, layout) };
    }
}
