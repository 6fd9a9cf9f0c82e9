//! The workloads over scrubjay; its mode comes from the environment.

use std::process::ExitCode;

use scrubjay::Scrubjay;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    scrubjay_benches::child::main()
}
