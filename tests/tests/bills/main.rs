//! Claims about bills: what a piece of work took, whoever frees its blocks.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod a_bill_goes_on_until_it_is_dropped;
mod a_bill_is_one_event_of_tracing;
mod a_bill_is_what_a_naive_map_says;
mod a_lease_within_a_lease_counts_for_both;
mod functions_have_profiles;
mod leases_beyond_the_places_are_told;
mod tags_beyond_the_table_are_one_entry;
mod what_is_left_is_named;
mod what_is_refused_is_on_the_bill;
mod wiped_bytes_are_those_of_its_blocks;
mod work_that_is_handed_on_counts;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_bill_goes_on_until_it_is_dropped,
        a_bill_is_one_event_of_tracing,
        a_bill_is_what_a_naive_map_says,
        a_lease_within_a_lease_counts_for_both,
        functions_have_profiles,
        leases_beyond_the_places_are_told,
        tags_beyond_the_table_are_one_entry,
        what_is_left_is_named,
        what_is_refused_is_on_the_bill,
        wiped_bytes_are_those_of_its_blocks,
        work_that_is_handed_on_counts,
    ])
}
