//! Claims about guarded memory, over the system's allocator.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod a_block_too_many_is_refused;
mod a_core_file_has_no_live_secret;
mod a_forked_child_has_no_secret;
mod a_frozen_block_names_its_writer;
mod a_stack_overflow_is_still_named;
mod an_overrun_is_a_named_fault;
mod exhausted_limits_are_as_stated;
mod forks_find_nothing_half_done;
mod guarded_blocks_pass_for_others;
mod holes_that_others_took_are_theirs;
mod root_cannot_read_a_live_secret;
mod vaults_agree_with_the_journal;

mod raw;
mod support;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_block_too_many_is_refused,
        a_core_file_has_no_live_secret,
        a_forked_child_has_no_secret,
        a_frozen_block_names_its_writer,
        a_stack_overflow_is_still_named,
        an_overrun_is_a_named_fault,
        exhausted_limits_are_as_stated,
        forks_find_nothing_half_done,
        guarded_blocks_pass_for_others,
        holes_that_others_took_are_theirs,
        root_cannot_read_a_live_secret,
        vaults_agree_with_the_journal,
    ])
}
