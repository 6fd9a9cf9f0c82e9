//! What is counted for a lease is counted for those around it, too, also what outlives
//! it and is freed by others; threads go back to whom they worked for.

use std::hint::black_box;
use std::thread;

use scrubjay::{Context, Lease, Tag};

static OUTER: Tag = Tag::new("nested/outer");
static INNER: Tag = Tag::new("nested/inner");

fn block(tag: &'static Tag, size: usize) -> Vec<u8> {
    let _scope = tag.enter();
    black_box(vec![1_u8; size])
}

pub fn test() {
    let before = Context::current();
    let outer = Lease::begin("outer");
    let first = block(&OUTER, 1_000);
    let inner = Lease::begin("inner");
    assert!(Context::current().is_for_whom(inner.context()));
    let second = block(&INNER, 200);
    drop(block(&INNER, 5_000));
    drop(first);
    let bill = inner.end();
    assert!(Context::current().is_for_whom(outer.context()));
    assert_eq!((bill.allocated_bytes, bill.live_bytes, bill.peak_bytes), (5_200, 200, 5_200));
    assert!(bill.tag("nested/outer").is_none());

    // The outer one's peak has both.
    let bill = outer.bill();
    assert_eq!((bill.allocated_bytes, bill.live_bytes, bill.peak_bytes), (6_200, 200, 6_200));
    assert_eq!(bill.tag("nested/inner").unwrap().live_bytes, 200);
    assert_eq!(bill.tag("nested/outer").unwrap().live_bytes, 0);

    // The inner one's has ended, and others free its block.
    thread::spawn(move || drop(second)).join().unwrap();
    let third = block(&OUTER, 300);
    let bill = outer.bill();
    assert_eq!((bill.live_bytes, bill.live_blocks), (300, 1));
    assert_eq!(bill.tag("nested/inner").unwrap().wiped_bytes, 5_200);
    drop(third);
    outer.end().assert_released();
    assert!(Context::current() == before);

    many_within_one();
}

/// Leases that each leave a block to the one around them, freed much later.
fn many_within_one() {
    let outer = Lease::begin("outer");
    let mut left = Vec::with_capacity(1_000);
    for size in 1..=1_000 {
        let inner = Lease::begin("inner");
        left.push(block(&INNER, size));
        assert_eq!(inner.end().live_bytes, size as u64);
    }
    assert_eq!(outer.bill().tag("nested/inner").unwrap().live_bytes, 500_500);
    thread::spawn(move || drop(left)).join().unwrap();
    assert_eq!(outer.bill().tag("nested/inner").unwrap().live_blocks, 0);
    drop(outer);
}

pub use scrubjay_tests::harness::no_child as child;
