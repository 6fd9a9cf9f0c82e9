//! Claims about budgets, over an allocator that counts what it gave out.

use std::process::ExitCode;

use scrubjay::{Over, Scrubjay};
use scrubjay_tests::counting::Counting;
use scrubjay_tests::harness;

mod blocks;

mod a_budget_covers_the_tags_below_it;
mod a_budget_is_never_exceeded_by_a_byte;
mod a_budget_set_late_counts_from_then_on;
mod a_forked_child_keeps_its_budgets;
mod a_part_of_what_the_process_may_have_is_a_budget;
mod a_refused_realloc_leaves_the_block;
mod a_soft_limit_is_told_once;
mod external_memory_counts_in_budgets_and_peaks;
mod nothing_is_refused_while_there_is_room;
mod refusals_stand_in_the_log;
mod small_blocks_may_use_the_headroom;
mod what_is_charged_is_what_is_live;

#[global_allocator]
static ALLOCATOR: Scrubjay<Over<Counting>> = Scrubjay::over(Counting);

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_budget_covers_the_tags_below_it,
        a_budget_is_never_exceeded_by_a_byte,
        a_budget_set_late_counts_from_then_on,
        a_forked_child_keeps_its_budgets,
        a_part_of_what_the_process_may_have_is_a_budget,
        a_refused_realloc_leaves_the_block,
        a_soft_limit_is_told_once,
        external_memory_counts_in_budgets_and_peaks,
        nothing_is_refused_while_there_is_room,
        refusals_stand_in_the_log,
        small_blocks_may_use_the_headroom,
        what_is_charged_is_what_is_live,
    ])
}
