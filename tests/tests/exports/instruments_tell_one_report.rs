//! OpenTelemetry's instruments equal the report, all of one collection see one
//! report, also under load, and tell nothing once the observation is dropped.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use scrubjay::Report;
use scrubjay::exports::opentelemetry::observe;
use scrubjay_tests::{child, harness};

use super::support::{TAGS, work};

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let observation = observe(&provider.meter("test"));
    let left = work();
    let seen = collect(&provider, &exporter);
    let report = Report::now();
    for name in TAGS {
        let tag = report.tag(name).expect("the tag was entered");
        let of = |figure: &str| seen.get(&(figure.to_owned(), name.to_owned())).copied();
        assert_eq!(of("scrubjay.tag.live"), Some(tag.live_bytes));
        assert_eq!(of("scrubjay.tag.blocks"), Some(tag.live_blocks));
        assert_eq!(of("scrubjay.tag.peak"), Some(tag.peak_bytes));
        assert_eq!(of("scrubjay.tag.allocated"), Some(tag.allocated_bytes));
        assert_eq!(of("scrubjay.tag.freed"), Some(tag.freed_bytes));
        assert_eq!(of("scrubjay.tag.failures"), Some(1));
        assert_eq!(of("scrubjay.tag.wiped"), Some(tag.wiped_bytes));
        assert_eq!(of("scrubjay.tag.unwiped"), Some(tag.unwiped_bytes));
    }
    let resident = seen[&("process.memory.usage".to_owned(), String::new())];
    assert!(resident > 1 << 20, "{resident}");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut size = 1;
            while !is_over.load(Ordering::Relaxed) {
                size = size * 7 % 100_003;
                drop(black_box(vec![1_u8; size]));
            }
        });
        for _ in 0..harness::count(100, 2_000) {
            let seen = collect(&provider, &exporter);
            let of_tags = seen.iter().filter(|((name, _), _)| name == "scrubjay.tag.allocated");
            let whole = seen[&("scrubjay.process.allocated".to_owned(), String::new())];
            assert_eq!(of_tags.map(|(_, value)| value).sum::<u64>(), whole);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    drop(observation);
    assert_eq!(collect(&provider, &exporter), HashMap::new());
    drop(left);
}

/// Each figure by its instrument's name and its tag.
type Seen = HashMap<(String, String), u64>;

fn collect(provider: &SdkMeterProvider, exporter: &InMemoryMetricExporter) -> Seen {
    exporter.reset();
    provider.force_flush().expect("it collects");
    let collections = exporter.get_finished_metrics().expect("nobody panicked");
    let metrics = collections.iter().flat_map(|collection| collection.scope_metrics());
    let mut seen = Seen::new();
    for metric in metrics.flat_map(|scope| scope.metrics()) {
        let mut add = |attributes: Vec<(String, String)>, value: u64| {
            let tag = attributes.into_iter().find(|(key, _)| key == "scrubjay.tag");
            let tag = tag.map(|(_, tag)| tag).unwrap_or_default();
            assert_eq!(seen.insert((metric.name().to_owned(), tag), value), None);
        };
        let text = |attribute: &opentelemetry::KeyValue| {
            (attribute.key.to_string(), attribute.value.to_string())
        };
        match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                assert!(sum.is_monotonic(), "{}", metric.name());
                let points = sum.data_points();
                points.for_each(|at| add(at.attributes().map(text).collect(), at.value()));
            }
            AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                assert!(!sum.is_monotonic(), "{}", metric.name());
                let points = sum.data_points();
                points.for_each(|at| add(at.attributes().map(text).collect(), at.value() as u64));
            }
            AggregatedMetrics::U64(MetricData::Gauge(gauge)) => {
                let points = gauge.data_points();
                points.for_each(|at| add(at.attributes().map(text).collect(), at.value()));
            }
            other => panic!("{} is {other:?}", metric.name()),
        }
    }
    seen
}
