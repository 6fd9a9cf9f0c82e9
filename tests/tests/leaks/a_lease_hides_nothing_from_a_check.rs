//! What a lease within a checked work leaves behind is the check's, too.

use std::hint::black_box;
use std::mem;

use scrubjay::{LeakCheck, Lease};

fn serve(size: usize) {
    let lease = Lease::begin("request");
    mem::forget(black_box(vec![1_u8; size]));
    drop(black_box(vec![1_u8; size]));
    assert_eq!(lease.end().live_bytes, size as u64);
}

pub fn test() {
    let report = LeakCheck::new().run(|| serve(1_000)).expect("a check can be made");
    assert!(!report.is_ok());
    assert_eq!((report.leaked_blocks(), report.leaked_bytes()), (1, 1_000));
    let clean = || drop(Lease::begin("request").end());
    LeakCheck::new().run(clean).expect("a check can be made").assert();
}

pub use scrubjay_tests::harness::no_child as child;
