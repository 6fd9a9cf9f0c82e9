//! Spans and scopes over scrubjay and its layer; by what of them is told by the
//! environment.

use std::hint::black_box;
use std::process::ExitCode;

use scrubjay::{Scrubjay, SpanTags, Tag};
use scrubjay_benches::child;
use scrubjay_benches::spans::{self, Plain};
use scrubjay_benches::workloads::Workload;
use tracing::subscriber::set_global_default;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

static TAG: Tag = Tag::new("scope");

const OWN: &[Workload] = {
    let [entered, with_a_block, made] = spans::workloads::<Plain>();
    &[Workload { name: "scope", run: scope, operations_min: 1 << 10 }, entered, with_a_block, made]
};

fn main() -> ExitCode {
    let by_field = std::env::var_os("SPANS").is_some_and(|spans| spans == "field");
    let layer = if by_field { SpanTags::by_field("memory") } else { SpanTags::by_name() };
    set_global_default(registry().with(layer)).expect("it is the first");
    child::main(OWN, None)
}

fn scope(operations: u64) {
    for _ in 0..operations {
        drop(black_box(TAG.enter()));
    }
}
