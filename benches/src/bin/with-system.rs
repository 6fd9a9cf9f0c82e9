//! The workloads over `System`: what everything else is compared with.

use std::alloc::System;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: System = System;

fn main() -> ExitCode {
    scrubjay_benches::child::main(&[], None)
}
