//! Claims about where memory came from: sites, their counters, samples, and the
//! modes that record them.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod a_forked_child_knows_the_sites_of_what_it_inherited;
mod a_kill_leaves_one_event_a_thread_unsettled;
mod a_late_log_takes_the_sites_along;
mod a_million_sites_find_room_and_the_next_are_counted;
mod blocks_of_one_stack_share_a_site;
mod modes_change_at_run_time;
mod samples_of_everything_are_the_truth;
mod sites_and_cells_agree;
mod sites_at_a_peak_add_up_to_it;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_forked_child_knows_the_sites_of_what_it_inherited,
        a_kill_leaves_one_event_a_thread_unsettled,
        a_late_log_takes_the_sites_along,
        a_million_sites_find_room_and_the_next_are_counted,
        blocks_of_one_stack_share_a_site,
        modes_change_at_run_time,
        samples_of_everything_are_the_truth,
        sites_and_cells_agree,
        sites_at_a_peak_add_up_to_it,
    ])
}
