//! `publish_every` publishes at once and at intervals, on a thread that ends with
//! its handle.

use std::time::{Duration, Instant};

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use scrubjay::exports::metrics::publish_every;
use scrubjay_tests::child;

use super::support::{await_end, has_thread, work};

const NAME: &str = "scrubjay-publis";

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().expect("there is no other recorder");
    let publisher = publish_every(Duration::ZERO).expect("a thread");
    let left = work();
    await_weights(&snapshotter, 40_000.0);
    assert!(has_thread(NAME));
    let more = work();
    await_weights(&snapshotter, 80_000.0);
    // An interval that is far off is not waited for.
    let slow = publish_every(Duration::from_secs(3_600)).expect("a thread");
    let begin = Instant::now();
    drop(slow);
    drop(publisher);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    await_end(NAME);
    // Whoever looks sets the gauge back.
    weights(&snapshotter);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(weights(&snapshotter), Some(0.0), "somebody publishes still");
    drop((left, more));
}

fn await_weights(snapshotter: &Snapshotter, value: f64) {
    let begin = Instant::now();
    while weights(snapshotter) != Some(value) {
        assert!(begin.elapsed() < Duration::from_secs(30), "{value} was not published");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn weights(snapshotter: &Snapshotter) -> Option<f64> {
    snapshotter.snapshot().into_vec().into_iter().find_map(|(key, _, _, value)| {
        let is_tag = key.key().labels().any(|label| label.value() == "export/weights");
        match value {
            DebugValue::Gauge(value) if is_tag && key.key().name() == "scrubjay_live_bytes" => {
                Some(value.0)
            }
            _ => None,
        }
    })
}
