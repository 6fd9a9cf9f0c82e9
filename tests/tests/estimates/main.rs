//! What a sample says of a real program, held against what the program knows:
//! many processes, each with a draw of its own.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod intervals_hold_the_truth;
mod plan;
mod runs;
mod sums_are_unbiased;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![intervals_hold_the_truth, sums_are_unbiased])
}
