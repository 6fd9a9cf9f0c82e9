//! A million events of tasks in spans, on a runtime that steals work, with tasks
//! that are cancelled and races that are lost: none is under a wrong tag.

use std::future::Future;

use scrubjay::SpanTags;
use scrubjay_tests::child;
use tracing::{Instrument, Span, info_span, subscriber};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

use super::{blocks, tasks};

pub fn test() {
    for by in ["name", "field"] {
        let output = blocks::check(child!().argument(by), 1_000_000);
        tasks::check(&output);
    }
}

struct ByName;
struct ByField;

impl tasks::Way for ByName {
    fn under<F>(number: usize, future: F) -> impl Future<Output = F::Output> + Send
    where
        F: Future<Output: Send> + Send,
    {
        future.instrument(named(number))
    }
}

fn named(number: usize) -> Span {
    match number {
        1 => info_span!("travel/1"),
        2 => info_span!("travel/2"),
        3 => info_span!("travel/3"),
        4 => info_span!("travel/4"),
        5 => info_span!("travel/5"),
        6 => info_span!("travel/6"),
        _ => info_span!("travel/7"),
    }
}

impl tasks::Way for ByField {
    fn under<F>(number: usize, future: F) -> impl Future<Output = F::Output> + Send
    where
        F: Future<Output: Send> + Send,
    {
        // Around it one that says nothing, within one that is told later.
        let span = info_span!("work", memory = tracing::field::Empty);
        span.record("memory", blocks::tag(number).name());
        future.instrument(span).instrument(info_span!("around", number))
    }
}

pub fn child(arguments: &[String]) {
    let layer = match arguments[0].as_str() {
        "name" => SpanTags::by_name(),
        _ => SpanTags::by_field("memory"),
    };
    subscriber::set_global_default(registry().with(layer)).expect("it is the first");
    match arguments[0].as_str() {
        "name" => tasks::run::<ByName>(),
        _ => tasks::run::<ByField>(),
    }
}
