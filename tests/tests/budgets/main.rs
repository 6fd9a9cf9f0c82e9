//! Claims about runs that are held against what they may take, and leave.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod a_run_that_takes_more_breaks_its_budget;
mod what_is_known_to_stay_is_not_left;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_run_that_takes_more_breaks_its_budget,
        what_is_known_to_stay_is_not_left,
    ])
}
