//! Claims about what a log does at its bounds: its own limit, full disks, and
//! processes that become others.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod a_ring_survives_sigkill;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![a_ring_survives_sigkill])
}
