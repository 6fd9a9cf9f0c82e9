//! Claims about what a log does at its bounds: its own limit, full disks, and
//! processes that become others.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod a_full_disk_is_survived;
mod a_limit_of_one_chunk_leaves_the_ledger;
mod a_read_only_folder_costs_one_line;
mod a_ring_survives_sigkill;
mod a_slow_disk_is_waited_for_or_counted;
mod children_that_share_memory_count_as_one;
mod daemons_have_logs_of_their_own;
mod exec_leaves_a_whole_log;
mod many_threads_share_a_small_ring;
mod what_grew_over_a_long_run_is_named;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_full_disk_is_survived,
        a_limit_of_one_chunk_leaves_the_ledger,
        a_read_only_folder_costs_one_line,
        a_ring_survives_sigkill,
        a_slow_disk_is_waited_for_or_counted,
        children_that_share_memory_count_as_one,
        daemons_have_logs_of_their_own,
        exec_leaves_a_whole_log,
        many_threads_share_a_small_ring,
        what_grew_over_a_long_run_is_named,
    ])
}
