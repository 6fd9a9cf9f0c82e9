//! Claims about what the kernel says of a process, and about what goes back to it.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod an_oom_kill_leaves_a_log_that_names_who_held_the_memory;
mod samples_are_taken_in_every_mode_and_by_a_dump;
mod the_difference_to_the_kernel_is_explained;
mod trim_gives_back_what_it_says;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        samples_are_taken_in_every_mode_and_by_a_dump,
        the_difference_to_the_kernel_is_explained,
        trim_gives_back_what_it_says,
        an_oom_kill_leaves_a_log_that_names_who_held_the_memory,
    ])
}
