//! Claims about scrubjay over the system's allocator, as most programs have it.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod a_closed_log_costs_no_other_file;
mod a_dump_under_load_lies_between_two_snapshots;
mod a_journal_that_ends_leaves_the_ledger_exact;
mod a_log_that_starts_late_is_exact;
mod a_ring_keeps_the_last_events;
mod a_thousand_tags_are_told_apart;
mod a_write_after_free_is_named_and_aborts;
mod allocation_at_exit_is_counted;
mod allocation_in_thread_teardown_is_counted;
mod bad_settings_cost_one_line;
mod damage_is_counted_where_the_policy_says_so;
mod damage_is_named_and_aborts;
mod forked_children_begin_with_what_lives;
mod forks_under_load_do_not_hang;
mod frees_after_the_exit_hook_are_counted;
mod logs_are_private_and_overwrite_nothing;
mod names_of_logs_have_placeholders;
#[path = "../claims/no_release_leaves_a_secret.rs"]
mod no_release_leaves_a_secret;
mod notes_are_in_every_log;
mod panics_leave_scopes_as_they_were;
mod policy_and_tag_decide_who_is_wiped;
mod registers_are_cleared_where_that_is_asked_for;
mod secrets_stand_in_the_registry_while_they_live;
mod tags_beyond_the_limit_count_as_untagged;
mod ten_thousand_threads_take_the_place_of_few;
mod the_stack_below_a_caller_is_scrubbed;
mod valgrind_counts_the_same;
mod verified_blocks_go_round_undisturbed;
mod who_drops_does_not_wait;
mod without_room_for_a_log_the_program_runs;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_closed_log_costs_no_other_file,
        a_dump_under_load_lies_between_two_snapshots,
        a_journal_that_ends_leaves_the_ledger_exact,
        a_log_that_starts_late_is_exact,
        a_ring_keeps_the_last_events,
        a_thousand_tags_are_told_apart,
        a_write_after_free_is_named_and_aborts,
        allocation_at_exit_is_counted,
        allocation_in_thread_teardown_is_counted,
        bad_settings_cost_one_line,
        damage_is_counted_where_the_policy_says_so,
        damage_is_named_and_aborts,
        forked_children_begin_with_what_lives,
        forks_under_load_do_not_hang,
        frees_after_the_exit_hook_are_counted,
        logs_are_private_and_overwrite_nothing,
        names_of_logs_have_placeholders,
        no_release_leaves_a_secret,
        notes_are_in_every_log,
        panics_leave_scopes_as_they_were,
        policy_and_tag_decide_who_is_wiped,
        registers_are_cleared_where_that_is_asked_for,
        secrets_stand_in_the_registry_while_they_live,
        tags_beyond_the_limit_count_as_untagged,
        ten_thousand_threads_take_the_place_of_few,
        the_stack_below_a_caller_is_scrubbed,
        valgrind_counts_the_same,
        verified_blocks_go_round_undisturbed,
        who_drops_does_not_wait,
        without_room_for_a_log_the_program_runs,
    ])
}
