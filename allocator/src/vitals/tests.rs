//! What asking costs, printed for who wants the figures.

use std::io::Write;
use std::time::Instant;

use super::sample;
use super::*;

/// The lower quartile of 100 rounds, in µs.
fn cost<T>(mut ask: impl FnMut() -> T) -> f64 {
    let mut times: Vec<f64> = (0..100)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(ask());
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[25]
}

#[test]
fn a_sample_costs_less_than_a_millisecond() {
    let _ = sample::take(None, Detail::Heap);
    let rows = [
        ("a look", cost(resident_now)),
        ("a control group", cost(crate::cgroup::memory)),
        ("a sample", cost(|| sample::take(None, Detail::Plain))),
        ("with parts", cost(|| sample::take(None, Detail::Parts))),
        ("and the C heap", cost(|| sample::take(None, Detail::Heap))),
    ];
    let mappings = std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    let mut text = format!("{mappings} mappings, resident {:?}\n", resident_now());
    for (what, us) in rows {
        text += &format!("{what}: {us:.1} µs\n");
    }
    std::io::stderr().write_all(text.as_bytes()).unwrap();
    assert!(rows[2].1 < 1_000.0, "{text}");
}
