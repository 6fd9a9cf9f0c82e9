//! Searches of several threads, as of tests that run side by side, do not find
//! what the others look for in the memory that the others use.

pub use scrubjay_tests::harness::no_child as child;
use scrubjay_tests::threads;

pub fn test() {
    let patterns: Vec<Vec<u8>> = (0..4).map(|_| super::random_bytes(200)).collect();
    threads::scope(|scope| {
        for pattern in &patterns {
            scope.spawn(move || (0..5).for_each(|_| scrubjay::assert_no_residue(pattern)));
        }
    });
}
