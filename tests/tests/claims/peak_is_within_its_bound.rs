//! With several threads, a peak is below the truth by at most the bound that
//! the report states, and never above it.

use scrubjay::Report;
use scrubjay_tests::churn::Churn;
use scrubjay_tests::{child, harness, tags, watch};

const THREADS: usize = 4;
const SIZE_MAX: usize = 16 << 10;
/// Each thread can be within one event when the books look: the books and
/// scrubjay then see it in another order.
const IN_FLIGHT_MAX: u64 = (THREADS * SIZE_MAX) as u64;

pub fn test() {
    for seed in 0..harness::count(3, 30) {
        child!().argument(seed.to_string()).succeed();
    }
}

pub fn child(arguments: &[String]) {
    let seed = arguments[0].parse().expect("a number");
    let left =
        Churn { seed, threads: THREADS, steps: 3_000, refused_one_in: 0, largest: SIZE_MAX }.run();
    drop(left);
    let total = watch::total_peak();
    let report = Report::now();
    assert!(report.peak_bound_bytes > 0);
    let check = |told: u64, true_peak: u64, name: &str| {
        assert!(told <= true_peak + IN_FLIGHT_MAX, "{name}: {told}, and really {true_peak}");
        let least = true_peak.saturating_sub(report.peak_bound_bytes + IN_FLIGHT_MAX);
        assert!(told >= least, "{name}: {told}, and really {true_peak}");
    };
    check(report.total.peak_bytes, total, "the process");
    for number in 1..watch::TAG_COUNT {
        let name = tags::name(number);
        let stats = report.tag(name).expect("the tag was entered");
        check(stats.peak_bytes, watch::figures(number).1, name);
    }
}
