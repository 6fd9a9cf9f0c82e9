//! The first thread's stack grows while the program runs: it is the thread's own
//! below where it ended at the first look, too.

use std::hint::black_box;

use scrubjay_tests::child;

use crate::marked::{compare, mark};

const ROUNDS: usize = 12;

pub fn test() {
    let counts: Vec<usize> = compare(child!()).iter().map(Vec::len).collect();
    assert_eq!(counts.len(), ROUNDS);
    // Each is 16 frames deeper than the one before, but for a call that was inlined.
    assert!(counts.windows(2).all(|pair| pair[1] >= pair[0] + 15), "{counts:?}");
}

pub fn child(_: &[String]) {
    for round in 0..ROUNDS {
        deep(round * 16, round);
    }
}

/// A frame of 8 KiB or more for each of its calls.
#[inline(never)]
fn deep(depth: usize, round: usize) -> u8 {
    let room = black_box([1_u8; 8 << 10]);
    if depth == 0 {
        mark(round);
        room[5]
    } else {
        black_box(deep(depth - 1, round)) + room[7] - 1
    }
}
