//! Claims about scrubjay over the system's allocator, as most programs have it.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod allocation_at_exit_is_counted;
mod allocation_in_thread_teardown_is_counted;
mod frees_after_the_exit_hook_are_counted;
mod panics_leave_scopes_as_they_were;
mod ten_thousand_threads_take_the_place_of_few;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        allocation_at_exit_is_counted,
        allocation_in_thread_teardown_is_counted,
        frees_after_the_exit_hook_are_counted,
        panics_leave_scopes_as_they_were,
        ten_thousand_threads_take_the_place_of_few,
    ])
}
