//! The workloads over `zeroizing-alloc`: every block wiped, nothing else.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    scrubjay_benches::child::main(&[], None)
}
