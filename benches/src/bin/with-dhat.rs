//! The workloads over `dhat`: a stack for every block.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

fn main() -> ExitCode {
    // As a test would use it: no file at the end.
    let _profiler = dhat::Profiler::builder().testing().build();
    scrubjay_benches::child::main(&[], None)
}
