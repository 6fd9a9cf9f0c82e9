//! Unwinding leaves the scopes that it passes and frees the blocks of each:
//! what is allocated behind has the tag of before.

use std::panic::{self, AssertUnwindSafe};

use scrubjay::{Report, Tag};
use scrubjay_tests::harness;

static OUTER: Tag = Tag::new("panics/outer");
static INNER: Tag = Tag::new("panics/inner");
static DEEPEST: Tag = Tag::new("panics/deepest");

pub fn test() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    for depth in 1..50 {
        let _outer = OUTER.enter();
        let caught = panic::catch_unwind(AssertUnwindSafe(|| descend(depth)));
        caught.expect_err("the deepest level panics");
        std::mem::forget(std::hint::black_box(vec![0_u8; 10]));
    }
    drop(panic::take_hook());
    panic::set_hook(hook);
    let report = Report::now();
    let live = |tag: &'static Tag| {
        let stats = report.tag(tag.name()).expect("the tag was entered");
        (stats.live_blocks, stats.live_bytes)
    };
    assert_eq!(live(&INNER), (0, 0));
    assert_eq!(live(&DEEPEST), (0, 0));
    let outer = report.tag(OUTER.name()).expect("the tag was entered");
    assert_eq!(outer.live_bytes, 49 * 10, "{outer:?}");
    let inner = report.tag(INNER.name()).expect("the tag was entered");
    assert_eq!(inner.allocated_blocks, (1..50).sum::<u64>());
}

fn descend(depth: usize) {
    let _scope = INNER.enter();
    let held = vec![depth; 10];
    if depth == 1 {
        let _scope = DEEPEST.enter();
        let _held = vec![1_u8; 1_000];
        // Without a message: nothing is formatted under the tag.
        panic::panic_any(());
    }
    descend(depth - 1);
    drop(held);
}

pub use harness::no_child as child;
