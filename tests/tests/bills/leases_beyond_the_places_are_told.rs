//! More leases at one time than there are places for: those beyond say so, are counted,
//! and leave their work to whom it was before. A place is free again when its lease is
//! dropped.

use std::hint::black_box;

use scrubjay::{Lease, Pending, Report};

/// See `OWNERS_MAX`.
const PLACES: usize = 4_096;
const BEYOND: usize = 10;

pub fn test() {
    let before = Report::now().lease_overflow_count;
    let outer = Lease::begin("outer");
    assert!(outer.is_counted());
    let leases: Vec<Pending> =
        (0..PLACES - 1 + BEYOND).map(|_| Lease::pending("one of many")).collect();
    let counted = leases.iter().filter(|lease| lease.is_counted()).count();
    assert_eq!(counted, PLACES - 1);
    let report = Report::now();
    assert_eq!(report.lease_overflow_count - before, BEYOND as u64);
    assert!(report.to_json().contains("\"lease_overflow_count\":"));

    let beyond = Lease::begin("beyond");
    assert!(!beyond.is_counted());
    let left = black_box(vec![1_u8; 77_777]);
    assert!(beyond.context() == outer.context());
    let bill = beyond.end();
    assert!(!bill.is_counted && !bill.is_released() && bill.allocated_bytes == 0);
    assert!(bill.to_string().contains("not counted"));
    assert!(outer.bill().live_bytes >= 77_777);
    drop(left);

    drop(leases);
    let leases: Vec<Pending> = (0..PLACES - 1).map(|_| Lease::pending("once more")).collect();
    assert!(leases.iter().all(Pending::is_counted));
    drop((leases, outer));

    nested();
}

/// One within the other there can be 64.
fn nested() {
    let leases: Vec<Lease> = (0..70).map(|_| Lease::begin("one within the other")).collect();
    assert_eq!(leases.iter().filter(|lease| lease.is_counted()).count(), 64);
    let block = black_box(vec![1_u8; 1_000]);
    assert!(leases.iter().take(64).all(|lease| lease.bill().live_bytes >= 1_000));
    drop(block);
    leases.into_iter().rev().for_each(drop);
}

pub use scrubjay_tests::harness::no_child as child;
