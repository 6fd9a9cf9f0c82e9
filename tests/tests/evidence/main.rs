//! Claims about evidence: the self-test, the search of memory, `wipes`.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod a_pattern_without_sense_is_refused;
mod a_search_takes_nothing_from_the_heap;
mod copies_are_found_wherever_they_stand;
mod nothing_is_left_of_what_was_wiped;
mod searches_at_one_time_do_not_find_each_other;
mod the_pattern_is_left_out_and_nothing_else;
mod the_self_test_names_what_was_left;
mod the_self_test_passes_beside_other_threads;
mod unreadable_memory_is_told;
mod what_is_left_is_found_with_its_block;
mod wipes_adds_up_to_the_programs_own_figures;
mod wipes_objects_to_a_secret_left_unwiped;
mod wipes_tells_how_old_secrets_are;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_pattern_without_sense_is_refused,
        a_search_takes_nothing_from_the_heap,
        copies_are_found_wherever_they_stand,
        nothing_is_left_of_what_was_wiped,
        searches_at_one_time_do_not_find_each_other,
        the_pattern_is_left_out_and_nothing_else,
        the_self_test_names_what_was_left,
        the_self_test_passes_beside_other_threads,
        unreadable_memory_is_told,
        what_is_left_is_found_with_its_block,
        wipes_adds_up_to_the_programs_own_figures,
        wipes_objects_to_a_secret_left_unwiped,
        wipes_tells_how_old_secrets_are,
    ])
}

/// Random bytes that nobody but the kernel has made: no other copy exists.
fn random_bytes(size: usize) -> Vec<u8> {
    use std::io::Read;
    let mut bytes = vec![0; size];
    let mut source = std::fs::File::open("/dev/urandom").expect("Linux has randomness");
    source.read_exact(&mut bytes).expect("and gives it");
    bytes
}
