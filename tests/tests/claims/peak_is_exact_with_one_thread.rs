//! With one thread, peaks are exact to the byte: each tag's and the process's.

use scrubjay::Report;
use scrubjay_tests::churn::Churn;
use scrubjay_tests::{child, harness, tags, watch};

pub fn test() {
    for seed in 0..harness::count(3, 30) {
        child!().argument(seed.to_string()).succeed();
    }
}

pub fn child(arguments: &[String]) {
    let seed = arguments[0].parse().expect("a number");
    let left =
        Churn { seed, threads: 1, steps: 3_000, refused_one_in: 0, largest: usize::MAX }.run();
    // Far below the peak, so that the report itself does not raise it.
    drop(left);
    let total = watch::total_peak();
    let report = Report::now();
    assert_eq!(report.peak_bound_bytes, 0);
    assert_eq!(report.total.peak_bytes, total, "the process's peak");
    for number in 1..watch::TAG_COUNT {
        let (figures, peak) = watch::figures(number);
        let stats = report.tag(tags::name(number)).expect("the tag was entered");
        assert_eq!(stats.peak_bytes, peak, "{}", stats.name);
        assert_eq!(stats.live_bytes as i64, figures.live().0, "{}", stats.name);
    }
    let made_up_of: u64 = report.peak_tags.iter().map(|tag| tag.1).sum();
    let differs = made_up_of.abs_diff(total) as f64 / total as f64;
    assert!(differs < 0.02, "the peak of {total} is made up of {made_up_of}");
}
