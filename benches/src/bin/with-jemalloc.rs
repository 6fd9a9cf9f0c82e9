//! The workloads over jemalloc, built with its profiler; `MALLOC_CONF` says
//! whether that is on.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    scrubjay_benches::child::main(&[], None)
}
