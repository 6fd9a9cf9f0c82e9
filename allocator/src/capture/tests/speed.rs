//! What a captured frame costs.

use std::hint::black_box;
use std::time::Instant;

use super::corpus::recursive;
use super::looks::{prepared, taken};
use crate::capture::{self, Bounds, Memo};

const ROUNDS: usize = 100;
const CAPTURES: usize = 1_000;

/// The least time of a capture, in nanoseconds, and its frames.
#[inline(never)]
fn time(memo: Option<&Memo>) -> (f64, usize) {
    let bounds = Bounds::of_thread();
    let mut least = f64::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..CAPTURES {
            black_box(capture::stack(memo, 1, 256, bounds, |stack| Some(stack.hash as u32)));
        }
        least = least.min(start.elapsed().as_nanos() as f64 / CAPTURES as f64);
    }
    (least, taken(memo, 256, bounds).0.len())
}

/// Not a benchmark: it fails where something is off by an order of magnitude.
#[test]
fn a_frame_costs_nanoseconds() {
    prepared();
    for (told, memo) in [("by rules", None), ("as the last one", Memo::make())] {
        for depth in [5, 20, 60] {
            let figures = std::cell::Cell::new((0.0, 0));
            recursive(depth, &|| figures.set(time(memo)));
            let (least, count) = figures.get();
            let engine = capture::engine();
            let told = format!("{engine:?}, {told}: {count} frames in {least:.1} ns\n");
            crate::os::write_error(told.as_bytes());
            assert!(least / count as f64 <= 100.0);
        }
    }
}
