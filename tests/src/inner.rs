//! An inner allocator that keeps to `GlobalAlloc`'s contract and is as
//! unhelpful as that allows.
#![expect(unsafe_code, reason = "an allocator's methods are unsafe by their trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;

use crate::random::Random;

/// Refuses when told to, moves at every realloc, and refuses to shrink.
pub struct Unhelpful;

thread_local! {
    /// Of so many allocations one is refused, at random; 0 for none.
    static REFUSED_ONE_IN: Cell<u64> = const { Cell::new(0) };
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}

/// Has one allocation in `count` refused while `then` runs, on this thread.
pub fn refusing_one_in<T>(count: u64, then: impl FnOnce() -> T) -> T {
    let before = REFUSED_ONE_IN.replace(count);
    let answer = then();
    REFUSED_ONE_IN.set(before);
    answer
}

fn refuses() -> bool {
    let one_in = REFUSED_ONE_IN.get();
    if one_in == 0 {
        return false;
    }
    let number = DRAWN.replace(DRAWN.get() + 1);
    Random::new(number).next_word().is_multiple_of(one_in)
}

// SAFETY: blocks are the system's, and null is always allowed.
unsafe impl GlobalAlloc for Unhelpful {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if refuses() {
            return ptr::null_mut();
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if refuses() {
            return ptr::null_mut();
        }
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if new_size <= layout.size() {
            return ptr::null_mut();
        }
        // SAFETY: the caller promises that the new size does not overflow.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: the layout is valid.
        let moved = unsafe { self.alloc(new_layout) };
        if !moved.is_null() {
            // SAFETY: both blocks have the old size.
            unsafe { moved.copy_from_nonoverlapping(block, layout.size()) };
            // SAFETY: the caller gave the block up.
            unsafe { System.dealloc(block, layout) };
        }
        moved
    }
}
