//! An inner allocator that knows how many bytes it has given out: one atomic word,
//! which counts a block before it is there and until it is gone.
#![expect(unsafe_code, reason = "an allocator's methods are unsafe by their trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What scrubjay puts behind each block.
const TRAILER_SIZE: usize = 8;

/// Bytes of the program's blocks that are out, and the most there ever were.
#[derive(Debug)]
pub struct Held {
    now: AtomicUsize,
    most: AtomicUsize,
}

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

    /// Bytes now.
    pub fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    /// The most there ever were.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// All blocks.
pub static ALL: Held = Held::new();
/// Those of [`MARK`], by which a test tells the blocks of a tag from others.
pub static MARKED: Held = Held::new();
/// The alignment of blocks that are counted apart.
pub const MARK: usize = 64;

/// Counts over the system's allocator.
pub struct Counting;

fn add(layout: Layout) {
    ALL.add(layout.size() - TRAILER_SIZE);
    if layout.align() == MARK {
        MARKED.add(layout.size() - TRAILER_SIZE);
    }
}

fn remove(layout: Layout) {
    ALL.remove(layout.size() - TRAILER_SIZE);
    if layout.align() == MARK {
        MARKED.remove(layout.size() - TRAILER_SIZE);
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
