//! What outlives its lease counts for nobody from the lease's end on; a lease that is
//! finished goes on to count what becomes of its blocks, whoever frees them.

use std::hint::black_box;
use std::thread;

use scrubjay::Lease;

pub fn test() {
    let ended = Lease::begin("ended");
    let kept = black_box(vec![1_u8; 1_000]);
    let bill = ended.end();
    assert_eq!((bill.live_bytes, bill.live_blocks, bill.freed_blocks), (1_000, 1, 0));

    let finished = Lease::begin("finished");
    let mine = black_box(vec![2_u8; 2_000]);
    let others = black_box(vec![3_u8; 3_000]);
    let finished = finished.finish();
    // The first lease's place may be another's by now, its number is not.
    drop(kept);
    let unrelated = black_box(vec![4_u8; 4_000]);
    assert_eq!(finished.bill().live_bytes, 5_000);
    drop(mine);
    assert_eq!(finished.bill().live_bytes, 3_000);
    thread::spawn(move || drop(others)).join().unwrap();
    let bill = finished.bill();
    assert_eq!((bill.live_bytes, bill.freed_bytes, bill.peak_bytes), (0, 5_000, 5_000));
    bill.assert_released();
    // Another thread may end it.
    let bill = thread::spawn(move || finished.end()).join().unwrap();
    bill.assert_released();
    drop(unrelated);
}

pub use scrubjay_tests::harness::no_child as child;
