//! To enter a span and to leave it takes nothing from the heap, with the layer as
//! without: the ledger of all tags says so.

use scrubjay::{Report, SpanTags};
use scrubjay_tests::{child, harness};
use tracing::{info_span, subscriber};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

const ROUNDS: usize = 100_000;

pub fn test() {
    let finished = child!().succeed();
    assert_eq!(finished.output.trim(), "allocated: 0", "{finished:?}");
}

pub fn child(_: &[String]) {
    let layers = registry().with(SpanTags::by_name()).with(SpanTags::by_field("memory"));
    subscriber::set_global_default(layers).expect("it is the first");
    let spans = [info_span!("one"), info_span!("two", memory = "two"), info_span!("three")];
    // What the registry and this thread make at first use.
    let enter = |spans: &[tracing::Span; 3]| {
        let _one = spans[0].enter();
        let second = spans[1].enter();
        let _third = spans[2].enter();
        drop(second);
    };
    enter(&spans);
    // A report is made of blocks itself, and so are the next ones.
    let blocks = || Report::now().total.allocated_blocks;
    blocks();
    let of_a_report = blocks().abs_diff(blocks());
    let before = blocks();
    for _ in 0..harness::count(ROUNDS, 100 * ROUNDS) {
        enter(&spans);
    }
    println!("allocated: {}", blocks() - before - of_a_report);
}
