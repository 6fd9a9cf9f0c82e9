//! Gauges and absolute counters equal the report's figures, are described, and
//! follow what happens.

use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use scrubjay::Report;
use scrubjay::exports::metrics::{describe, publish};
use scrubjay_tests::child;

use super::support::{TAGS, class, figures, work};

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        describe();
        let left = work();
        publish();
        agrees(&snapshotter);
        let more = work();
        publish();
        agrees(&snapshotter);
        drop((left, more));
        publish();
        agrees(&snapshotter);
    });
}

fn agrees(snapshotter: &Snapshotter) {
    let published = snapshotter.snapshot().into_vec();
    let report = Report::now();
    for name in TAGS {
        let tag = report.tag(name).expect("the tag was entered");
        for (figure, value) in figures(tag) {
            let labels = [("tag", name), ("class", class(tag))];
            let found = published.iter().find(|(key, ..)| {
                let given = key.key().labels().map(|label| (label.key(), label.value()));
                key.key().name() == figure && given.eq(labels)
            });
            let (key, unit, help, found) = found.unwrap_or_else(|| panic!("{figure} of {name}"));
            match (key.kind(), found) {
                (MetricKind::Counter, DebugValue::Counter(found)) => assert_eq!(*found, value),
                (MetricKind::Gauge, DebugValue::Gauge(found)) => assert_eq!(**found, value as f64),
                (kind, value) => panic!("{figure} is a {kind:?} of {value:?}"),
            }
            assert_eq!(key.kind() == MetricKind::Counter, figure.ends_with("_total"));
            let is_bytes = *unit == Some(metrics::Unit::Bytes);
            assert_eq!(is_bytes, figure.contains("_bytes"), "{figure}: {unit:?}");
            assert!(help.as_ref().is_some_and(|help| help.ends_with('.')), "{figure}");
        }
    }
}
