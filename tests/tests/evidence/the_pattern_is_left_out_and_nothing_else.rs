//! The caller's slice is no finding; what stands right before and behind it, in
//! the same block, is.

use std::hint::black_box;

pub use scrubjay_tests::harness::no_child as child;

pub fn test() {
    let pattern = super::random_bytes(100);
    let mut three = vec![0_u8; 300];
    for piece in three.chunks_mut(100) {
        piece.copy_from_slice(&pattern);
    }
    drop(pattern);
    let start = three.as_ptr().addr();
    for at in [0, 100, 200] {
        let found = scrubjay::find_residue(&three[at..at + 100]).unwrap().found;
        let places: Vec<usize> = found.iter().map(|residue| residue.address - start).collect();
        let expected: Vec<usize> = [0, 100, 200].into_iter().filter(|&other| other != at).collect();
        assert_eq!(places, expected);
        assert!(found.iter().all(|residue| residue.size == 100), "{found:?}");
    }
    // A part of the pattern is a finding, too, from 8 bytes on.
    for size in [7, 8, 99] {
        let part = black_box(three[100 - size..100].to_vec());
        three[100..].fill(0);
        let search = scrubjay::find_residue(&three[..100]).unwrap();
        assert_eq!(search.found_count, usize::from(size >= 8), "{size} bytes: {search}");
        assert!(search.found.iter().all(|residue| residue.offset == 100 - size), "{search}");
        drop(part);
    }
}
