//! Beside a program's own figures, with its prefix and labels.

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use scrubjay::exports::open_metrics::LedgerCollector;
use scrubjay_tests::child;

use super::support::work;

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let left = work();
    let labels = [("replica".into(), "7".into())].into_iter();
    let mut registry = Registry::with_prefix_and_labels("app", labels);
    let requests: Counter = Counter::default();
    requests.inc();
    registry.register("requests", "Requests served", requests);
    registry.register_collector(Box::new(LedgerCollector));
    let mut answer = String::new();
    text::encode(&mut answer, &registry).expect("a string takes it");
    let both = [
        "app_requests_total{replica=\"7\"} 1\n",
        "app_scrubjay_live_bytes{replica=\"7\",tag=\"export/prompt\",class=\"secret\"} 500\n",
        "app_scrubjay_threads{replica=\"7\"} 1\n",
    ];
    for line in both {
        assert!(answer.contains(line), "{line} is not in {answer}");
    }
    drop(left);
}
