//! Spans and groups over `tracking-allocator` and its layer, with a tracker that
//! does nothing.

use std::alloc::System;
use std::hint::black_box;
use std::process::ExitCode;

use scrubjay_benches::child;
use scrubjay_benches::spans::{self, Making, Plain};
use scrubjay_benches::workloads::Workload;
use tracing::Span;
use tracing::subscriber::set_global_default;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;
use tracking_allocator::{
    AllocationGroupId, AllocationGroupToken, AllocationLayer, AllocationRegistry,
    AllocationTracker, Allocator,
};

#[global_allocator]
static ALLOCATOR: Allocator<System> = Allocator::system();

const OWN: &[Workload] = {
    let [entered, with_a_block, made] = spans::workloads::<Attached>();
    &[Workload { name: "scope", run: scope, operations_min: 1 << 10 }, entered, with_a_block, made]
};

/// Each span has a group of its own, as the crate would have it.
struct Attached;

impl Making for Attached {
    fn span() -> Span {
        let span = Plain::span();
        group().attach_to_span(&span);
        span
    }
}

struct Nothing;

impl AllocationTracker for Nothing {
    fn allocated(&self, _: usize, _: usize, _: usize, _: AllocationGroupId) {}

    fn deallocated(
        &self,
        _: usize,
        _: usize,
        _: usize,
        _: AllocationGroupId,
        _: AllocationGroupId,
    ) {
    }
}

fn main() -> ExitCode {
    set_global_default(registry().with(AllocationLayer::new())).expect("it is the first");
    AllocationRegistry::set_global_tracker(Nothing).expect("it is the first");
    AllocationRegistry::enable_tracking();
    child::main(OWN, None)
}

fn scope(operations: u64) {
    let mut group = group();
    for _ in 0..operations {
        drop(black_box(group.enter()));
    }
}

fn group() -> AllocationGroupToken {
    AllocationGroupToken::register().expect("there are groups")
}
