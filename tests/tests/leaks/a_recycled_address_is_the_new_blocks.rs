//! A block that is freed within a check, and whose address is handed out once more:
//! what is there then is judged by what it is, not by what stood there before.

use std::hint::black_box;
use std::mem;

use scrubjay::{LeakCheck, LeakKind};
use scrubjay_tests::child;

/// As large as each other, to the C library's heap.
const BEFORE: usize = 600;
const AFTER: usize = 601;

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let mut recycled = 0;
    let report = LeakCheck::new()
        .run(|| recycled += u64::from(lose_at(release())))
        .expect("a check can be made");
    assert!(recycled > 0, "no address was handed out once more");
    assert_eq!(report.leaks.len(), 1, "{report}");
    let leak = &report.leaks[0];
    // More than one where an old word on the stack held the first for a while.
    assert_eq!((leak.kind, leak.blocks), (LeakKind::Lost, recycled), "{report}");
    assert_eq!(leak.bytes, recycled * AFTER as u64, "{report}");
    let has = |name: &str| leak.frames.iter().any(|frame| frame.function.ends_with(name));
    assert!(has("lose_at") && !has("release"), "{report}");
}

/// A block that is gone: the complement of its address, which holds nothing.
#[inline(never)]
fn release() -> usize {
    let block = black_box(vec![1_u8; BEFORE]);
    !block.as_ptr().addr()
}

/// Whether a block came to stand there, which is lost then.
#[inline(never)]
fn lose_at(hidden: usize) -> bool {
    let block = black_box(vec![2_u8; AFTER]);
    let is_there = !block.as_ptr().addr() == hidden;
    if is_there {
        mem::forget(block);
    }
    is_there
}
