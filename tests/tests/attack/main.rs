//! Attacks on processes that use scrubjay, built as this program is built: in
//! the dev profile, in release, with fat LTO.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod a_debuggers_core_file_holds_none_either;
mod a_page_that_was_swapped_out_is_wiped;
mod no_scenario_leaves_a_secret;
mod what_c_code_frees_is_wiped_with_the_feature;
mod without_wiping_every_scenario_leaves_one;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_debuggers_core_file_holds_none_either,
        a_page_that_was_swapped_out_is_wiped,
        no_scenario_leaves_a_secret,
        what_c_code_frees_is_wiped_with_the_feature,
        without_wiping_every_scenario_leaves_one,
    ])
}
