//! A case over `stats_alloc`: a region of its counters around the judged rounds.

use std::alloc::System;

use scrubjay_corpus::rounds::{Asked, say};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let asked = Asked::of_arguments();
    asked.warm_up();
    let region = Region::new(ALLOCATOR);
    let time = asked.judged_rounds();
    let change = region.change();
    let blocks = change.allocations as i64 - change.deallocations as i64;
    let bytes = change.bytes_allocated as i64 - change.bytes_deallocated as i64;
    say(time, blocks, bytes);
}
