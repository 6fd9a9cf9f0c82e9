//! What the inner allocator refuses is null, counted, and changes nothing.
#![expect(unsafe_code, reason = "is an allocator, and asks one")]

use std::alloc::{GlobalAlloc, Layout, System, alloc, alloc_zeroed, dealloc, realloc};
use std::cell::Cell;
use std::hint::black_box;

use scrubjay::{Budget, Over, Report, Scrubjay, Tag, TagStats};
use scrubjay_portable::IS_ELSEWHERE;

/// Refuses what a thread asks for while it is told to.
struct Refusing;

thread_local! {
    static REFUSES: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: everything is handed on as it came, or refused.
unsafe impl GlobalAlloc for Refusing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if REFUSES.get() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Scrubjay<Over<Refusing>> = Scrubjay::over(Refusing);

fn refused<T>(ask: impl FnOnce() -> T) -> T {
    REFUSES.set(true);
    let answer = ask();
    REFUSES.set(false);
    answer
}

fn stats(name: &str) -> TagStats {
    Report::now().tag(name).cloned().expect("the tag was entered")
}

#[test]
fn a_refused_allocation_is_null_and_not_live() {
    static REFUSED: Tag = Tag::new("refused");
    let layout = Layout::from_size_align(100, 8).unwrap();
    let scope = REFUSED.enter();
    // Looked at: else the optimiser may make blocks up that nobody uses.
    // SAFETY: the layout has a size.
    let both = refused(|| black_box([unsafe { alloc(layout) }, unsafe { alloc_zeroed(layout) }]));
    let reserved = refused(|| black_box(Vec::<u8>::new()).try_reserve(1_000));
    drop(scope);
    assert!(both.iter().all(|block| block.is_null()));
    assert!(reserved.is_err());
    let stats = stats("refused");
    assert_eq!((stats.failed_count, stats.live_bytes, stats.allocated_blocks), (3, 0, 0));
}

#[test]
fn a_refused_realloc_leaves_the_block_as_it_was() {
    static KEPT: Tag = Tag::new("kept");
    static KEPT_UNWIPED: Tag = Tag::new("kept/unwiped").wipe(false);
    let layout = Layout::from_size_align(1_000, 8).unwrap();
    for tag in [&KEPT, &KEPT_UNWIPED] {
        let scope = tag.enter();
        // SAFETY: the layout has a size.
        let block = unsafe { alloc(layout) };
        drop(scope);
        // SAFETY: the block has so many bytes.
        unsafe { block.write_bytes(7, 1_000) };
        // SAFETY: the block has this layout.
        let grown = refused(|| unsafe { realloc(block, layout, 1 << 20) });
        assert!(grown.is_null());
        // SAFETY: the block is as it was.
        let bytes = unsafe { std::slice::from_raw_parts(block, 1_000) };
        assert!(bytes.iter().all(|&byte| byte == 7));
        let before = stats(tag.name());
        assert_eq!((before.failed_count, before.live_bytes, before.freed_blocks), (1, 1_000, 0));
        // SAFETY: the block is live and has this layout.
        unsafe { dealloc(block, layout) };
        assert_eq!(stats(tag.name()).live_bytes, 0);
    }
}

#[test]
fn a_budget_is_enforced_by_the_whole_allocator_alone() {
    static BUDGETED: Tag = Tag::new("budgeted").budget(Budget::hard(1 << 20));
    BUDGETED.declare();
    let _scope = BUDGETED.enter();
    let reserved = black_box(Vec::<u8>::new()).try_reserve(2 << 20);
    assert_eq!(reserved.is_ok(), IS_ELSEWHERE);
}
