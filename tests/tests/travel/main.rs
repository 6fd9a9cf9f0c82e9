//! Claims about tags that travel: with futures, spans, threads, jobs and items.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod a_family_has_a_bound_and_hashed_names_stay_secret;
mod blocks;
mod futures_keep_their_tags;
mod pools_threads_and_channels_take_tags_along;
mod spans_keep_their_tags;
mod spans_without_room_are_counted;
mod tasks;
mod to_enter_a_span_allocates_nothing;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_family_has_a_bound_and_hashed_names_stay_secret,
        futures_keep_their_tags,
        pools_threads_and_channels_take_tags_along,
        spans_keep_their_tags,
        spans_without_room_are_counted,
        to_enter_a_span_allocates_nothing,
    ])
}
