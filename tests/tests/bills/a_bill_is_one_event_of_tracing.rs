//! A bill that is logged is one event, which has its figures; nothing is emitted from
//! within an allocation.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use scrubjay::Lease;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

type Fields = BTreeMap<String, String>;

/// Keeps the fields of all events.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<(String, Fields)>>>);

struct Reader(Fields);

impl Visit for Reader {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl Subscriber for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut reader = Reader(Fields::new());
        event.record(&mut reader);
        self.0.lock().unwrap().push((event.metadata().target().to_owned(), reader.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

pub fn test() {
    let kept = Kept::default();
    let bill = tracing::subscriber::with_default(kept.clone(), || {
        let lease = Lease::begin("request");
        let left = vec![1_u8; 500];
        drop(vec![1_u8; 1_000]);
        let bill = lease.end();
        bill.log();
        drop(left);
        bill
    });
    let events = kept.0.lock().unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    let (target, fields) = &events[0];
    assert_eq!(target, "scrubjay");
    assert_eq!(fields["name"], "\"request\"");
    for (field, figure) in
        [("total", 1_500), ("peak", 1_500), ("live", 500), ("wiped", 1_000), ("blocks", 2)]
    {
        assert_eq!(fields[field], figure.to_string(), "{field}");
    }
    assert_eq!(fields["refused"], "0");
    assert_eq!(fields["duration_ns"], bill.duration.as_nanos().to_string());
}

pub use scrubjay_tests::harness::no_child as child;
