//! Claims about memory that C code allocates and frees, with the feature
//! `c-heap`.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod c;

mod alignments_are_honoured_or_refused;
mod c_blocks_are_counted_to_the_byte;
mod c_memory_leaves_no_residue;
mod forks_and_threads_share_c_blocks;
mod large_zeros_stay_untouched;
mod misuse_is_named;
mod reallocs_keep_what_they_should;
mod refusals_say_so_and_change_nothing;
mod rust_blocks_have_one_trailer;
mod rust_blocks_may_end_in_c;
mod strays_are_passed_through_and_counted;
mod under_valgrind_it_runs;
mod usable_bytes_are_all_the_programs;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        alignments_are_honoured_or_refused,
        c_blocks_are_counted_to_the_byte,
        c_memory_leaves_no_residue,
        forks_and_threads_share_c_blocks,
        large_zeros_stay_untouched,
        misuse_is_named,
        reallocs_keep_what_they_should,
        refusals_say_so_and_change_nothing,
        rust_blocks_have_one_trailer,
        rust_blocks_may_end_in_c,
        strays_are_passed_through_and_counted,
        under_valgrind_it_runs,
        usable_bytes_are_all_the_programs,
    ])
}
