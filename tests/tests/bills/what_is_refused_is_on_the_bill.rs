//! An allocation that is refused counts on the bills of those whose work asked for it.

use std::hint::black_box;

use scrubjay::Lease;

/// More than any machine gives.
const TOO_MUCH: usize = 1 << 60;

pub fn test() {
    let outer = Lease::begin("outer");
    let inner = Lease::begin("inner");
    let mut block: Vec<u8> = black_box(Vec::with_capacity(10));
    assert!(block.try_reserve_exact(TOO_MUCH).is_err());
    assert!(black_box(Vec::<u8>::new()).try_reserve_exact(TOO_MUCH).is_err());
    assert_eq!(inner.end().refused_count, 2);
    assert!(black_box(Vec::<u8>::new()).try_reserve_exact(TOO_MUCH).is_err());
    let bill = outer.end();
    assert_eq!((bill.refused_count, bill.allocated_bytes), (3, 10));
    assert!(bill.to_string().contains("3 allocations were refused"));
}

pub use scrubjay_tests::harness::no_child as child;
