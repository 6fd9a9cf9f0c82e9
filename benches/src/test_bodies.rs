//! What a unit test does: makes some things, asks them, drops them.

use std::collections::HashMap;
use std::hint::black_box;

/// Entries that take some 20 microseconds over `System`, in this profile.
const SMALL: usize = if cfg!(debug_assertions) { 8 } else { 80 };
/// Those that take some 10 ms.
const LARGE: usize = if cfg!(debug_assertions) { 6_000 } else { 40_000 };

pub fn small(operations: u64) {
    (0..operations).for_each(|_| body(SMALL));
}

pub fn large(operations: u64) {
    (0..operations).for_each(|_| body(LARGE));
}

fn body(count: usize) {
    let mut words: HashMap<String, Vec<usize>> = HashMap::new();
    for number in 0..black_box(count) {
        words.entry(format!("word {}", number % 1_000)).or_default().push(number);
    }
    let mut sorted: Vec<String> = words.keys().cloned().collect();
    sorted.sort();
    assert!(sorted.is_sorted());
    assert_eq!(words.values().map(Vec::len).sum::<usize>(), count);
}
