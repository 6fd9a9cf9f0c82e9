//! Claims about the stacks that a log holds.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod logged_stacks_are_those_of_backtrace;
mod marked;
mod stacks_of_a_growing_stack_are_whole;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        logged_stacks_are_those_of_backtrace,
        stacks_of_a_growing_stack_are_whole,
    ])
}
