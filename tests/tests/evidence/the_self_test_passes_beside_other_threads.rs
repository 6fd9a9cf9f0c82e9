//! Memory that others take over while the self-test runs is no false alarm.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

pub use scrubjay_tests::harness::no_child as child;
use scrubjay_tests::{harness, threads};

pub fn test() {
    let is_done = AtomicBool::new(false);
    threads::scope(|scope| {
        for number in 0..3 {
            let is_done = &is_done;
            scope.spawn(move || {
                let mut blocks: Vec<Vec<u8>> = Vec::new();
                for size in (1..).step_by(37 + number) {
                    if is_done.load(Ordering::Relaxed) {
                        break;
                    }
                    blocks.push(black_box(vec![number as u8; size % 20_000]));
                    if blocks.len() > 500 {
                        blocks.clear();
                    }
                }
            });
        }
        for _ in 0..harness::count(2, 50) {
            let answer = scrubjay::wipe_self_test();
            if answer.is_err() {
                is_done.store(true, Ordering::Relaxed);
            }
            answer.unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
    });
}
