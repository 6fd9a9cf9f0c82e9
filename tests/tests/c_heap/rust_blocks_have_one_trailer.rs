//! A block of Rust's is counted under its own tag alone, over whichever
//! allocator; what std's own allocator is asked for directly is C's.
#![expect(unsafe_code, reason = "calls allocators by hand")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_void;
use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use scrubjay::{Over, Report, Scrubjay, Tag};
use scrubjay_tests::child;

use crate::c::{Block, TAG, counted};

static OVER: Scrubjay<Over<System>> = Scrubjay::over(System);
static RUSTS: Tag = Tag::new("rust's");

const SIZES: [usize; 7] = [1, 16, 24, 40, 1_000, 100_000, 3 << 20];
const ALIGNS: [usize; 4] = [1, 16, 64, 4096];

pub fn test() {
    let finished = child!().succeed();
    assert_eq!(finished.errors, "");
}

pub fn child(_: &[String]) {
    let by_rust = counted(|| {
        for size in SIZES {
            let mut bytes = black_box(vec![1_u8; size]);
            bytes.reserve(size * 3);
            bytes.truncate(1);
            bytes.shrink_to_fit();
        }
    });
    assert_eq!(by_rust.allocated_blocks, 0, "the global allocator");

    let scope = RUSTS.enter();
    assert_eq!(counted(|| use_all(&OVER)).allocated_blocks, 0, "over std's allocator");
    let by_system = counted(|| use_all(&System));
    drop(scope);
    let asked = (SIZES.len() * ALIGNS.len()) as u64;
    assert!(by_system.allocated_blocks >= 2 * asked, "std's allocator itself");
    assert_eq!(by_system.live(), (0, 0));
    let stats = Report::now().tag(RUSTS.name()).cloned().expect("the tag was entered");
    assert!(stats.allocated_blocks >= 3 * asked);
    assert_eq!((stats.live_bytes, stats.live_blocks), (0, 0));

    what_is_wrapped_is_stray();

    // C blocks get their own tag, whatever scope is active.
    let scope = RUSTS.enter();
    let figures = counted(|| drop(Block::new(100)));
    drop(scope);
    assert_eq!((figures.allocated_blocks, figures.freed_blocks), (1, 1));
    let now = Report::now();
    assert!(!now.tag(TAG).expect("the tag is there").is_secret);
    assert_eq!(now.corruption_count, 0);
}

/// An allocator that asks for a block of its own, too, and loses it to C.
struct Hoarder;

const HOARD: usize = 200;
static HOARDED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

// SAFETY: blocks are the system's.
unsafe impl GlobalAlloc for Hoarder {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HOARDED.store(Block::new(HOARD).leave(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) };
    }
}

/// What a wrapped allocator has for itself gets no trailer, and an older
/// block's that stood in its place is not taken for one.
fn what_is_wrapped_is_stray() {
    static OVER: Scrubjay<Over<Hoarder>> = Scrubjay::over(Hoarder);
    let layout = Layout::new::<[u8; 1_000]>();
    // Some of them are just as large as the next of their size will be.
    drop([(); 20].map(|()| Block::new(HOARD)));
    // SAFETY: the layout has a size.
    let block = unsafe { OVER.alloc(layout) };
    // SAFETY: the block is live, and the hoarder has forgotten it.
    let hoarded = unsafe { Block::of(HOARDED.load(Ordering::Relaxed)) };
    assert_eq!(counted(|| drop(hoarded)).freed_blocks, 0);
    // SAFETY: the block is live and of this layout.
    unsafe { OVER.dealloc(block, layout) };
}

/// Allocates, reallocates and frees by hand.
fn use_all(allocator: &impl GlobalAlloc) {
    for size in SIZES {
        for align in ALIGNS {
            let layout = Layout::from_size_align(size, align).expect("a layout");
            let grown = Layout::from_size_align(size * 2, align).expect("a layout");
            // SAFETY: the layout has a size.
            let block = black_box(unsafe { allocator.alloc(layout) });
            assert!(!block.is_null() && block.addr().is_multiple_of(align));
            // SAFETY: the block has so many bytes.
            unsafe { block.write_bytes(0xFF, size) };
            // SAFETY: the block is live and of this layout.
            let block = unsafe { allocator.realloc(block, layout, grown.size()) };
            assert!(!block.is_null());
            // SAFETY: as above.
            unsafe { allocator.dealloc(black_box(block), grown) };
            // SAFETY: the layout has a size.
            let zeros = black_box(unsafe { allocator.alloc_zeroed(layout) });
            // SAFETY: the block has so many bytes.
            let bytes = unsafe { std::slice::from_raw_parts(zeros, size) };
            assert!(bytes.iter().all(|&byte| byte == 0));
            // SAFETY: the block is live and of this layout.
            unsafe { allocator.dealloc(zeros, layout) };
        }
    }
}
