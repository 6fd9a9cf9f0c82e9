//! Claims about leak checks: a process a case, since what is made at first use
//! is made once.

use std::process::ExitCode;

use scrubjay::{Config, Scrubjay};
use scrubjay_tests::harness;

mod a_check_needs_the_registry;
mod a_file_of_suppressions_means_one_thing;
mod a_forked_child_can_check;
mod a_lease_hides_nothing_from_a_check;
mod a_recycled_address_is_the_new_blocks;
mod a_scan_is_in_the_log;
mod a_thread_local_of_a_loaded_library_holds;
mod descriptors_left_open_are_listed;
mod leaks_are_told_from_traps;
mod parallel_checks_do_not_see_each_other;
mod scans_at_intervals_are_in_the_log;
mod shared_pools_raise_no_false_alarm;
mod what_no_check_tells_of_is_listed_at_the_end;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::with(Config::new().live_blocks(true).stacks(true));

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_check_needs_the_registry,
        a_file_of_suppressions_means_one_thing,
        a_forked_child_can_check,
        a_lease_hides_nothing_from_a_check,
        a_recycled_address_is_the_new_blocks,
        a_scan_is_in_the_log,
        a_thread_local_of_a_loaded_library_holds,
        descriptors_left_open_are_listed,
        leaks_are_told_from_traps,
        parallel_checks_do_not_see_each_other,
        scans_at_intervals_are_in_the_log,
        shared_pools_raise_no_false_alarm,
        what_no_check_tells_of_is_listed_at_the_end,
    ])
}
