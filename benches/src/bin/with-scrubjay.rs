//! The workloads over scrubjay; its mode comes from the environment.

use std::hint::black_box;
use std::process::ExitCode;

use scrubjay::{Report, Scrubjay, Tag};
use scrubjay_benches::child;
use scrubjay_benches::workloads::Workload;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

static TAG: Tag = Tag::new("bench");

const OWN: &[Workload] = &[Workload { name: "scope64", run: scope64, operations_min: 1 << 10 }];

fn main() -> ExitCode {
    child::main(OWN, Some(events))
}

/// What `pair64` does, each time in a scope of its own.
fn scope64(operations: u64) {
    for _ in 0..operations {
        let _scope = TAG.enter();
        drop(black_box(Box::<[u8; 64]>::new_uninit()));
    }
}

/// What was allocated and freed so far.
fn events() -> u64 {
    let total = Report::now().total;
    total.allocated_blocks + total.freed_blocks
}
