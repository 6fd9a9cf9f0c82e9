//! The workloads over hardened_malloc, its light preset: small blocks wiped,
//! large ones unmapped, metadata out of reach.

use std::process::ExitCode;

use hardened_malloc_rs::HardenedMalloc;

#[global_allocator]
static ALLOCATOR: HardenedMalloc = HardenedMalloc;

fn main() -> ExitCode {
    scrubjay_benches::child::main(&[], None)
}
