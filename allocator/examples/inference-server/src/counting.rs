//! An inner allocator that knows how many bytes it has given out: one atomic word,
//! which counts a block before it is there and until it is gone.
#![expect(unsafe_code, reason = "an allocator's methods are unsafe by their trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What scrubjay puts behind each block.
const TRAILER_SIZE: usize = 8;

/// Bytes of blocks that are out, and the most there ever were.
struct Held {
    now: AtomicUsize,
    most: AtomicUsize,
}

static ALL: Held = Held::new();
/// Those with the alignment of a request's keys and values.
static LINES: Held = Held::new();
const LINE_ALIGNMENT: usize = 64;

impl Held {
    const fn new() -> Self {
        Self { now: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }

    fn add(&self, size: usize) {
        let now = self.now.fetch_add(size, Ordering::SeqCst) + size;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn remove(&self, size: usize) {
        self.now.fetch_sub(size, Ordering::SeqCst);
    }
}

/// Counts over the system's allocator.
pub struct Counting;

/// The most bytes that were ever out: of all blocks, and of keys and values.
pub fn most() -> [usize; 2] {
    [&ALL, &LINES].map(|held| held.most.load(Ordering::SeqCst))
}

fn add(layout: Layout) {
    ALL.add(layout.size() - TRAILER_SIZE);
    if layout.align() == LINE_ALIGNMENT {
        LINES.add(layout.size() - TRAILER_SIZE);
    }
}

fn remove(layout: Layout) {
    ALL.remove(layout.size() - TRAILER_SIZE);
    if layout.align() == LINE_ALIGNMENT {
        LINES.remove(layout.size() - TRAILER_SIZE);
    }
}

fn counted(layout: Layout, block: *mut u8) -> *mut u8 {
    if block.is_null() {
        remove(layout);
    }
    block
}

// SAFETY: blocks are the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout);
        // SAFETY: the caller's promises are passed on.
        counted(layout, unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout);
        // SAFETY: as above.
        counted(layout, unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) };
        remove(layout);
    }

    /// Nothing scrubjay asks of an allocator that it does not know.
    unsafe fn realloc(&self, _: *mut u8, _: Layout, _: usize) -> *mut u8 {
        ptr::null_mut()
    }
}
