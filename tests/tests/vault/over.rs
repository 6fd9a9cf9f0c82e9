//! Claims about guarded memory, over another allocator than the system's.

use std::process::ExitCode;

use scrubjay::{Over, Scrubjay};
use scrubjay_tests::harness;

use planted::Planted;

mod a_frozen_block_names_its_writer;
mod guarded_blocks_pass_for_others;
mod others_blocks_in_a_hole_are_theirs;
mod vaults_agree_with_the_journal;

mod planted;
mod raw;

#[global_allocator]
static ALLOCATOR: Scrubjay<Over<Planted>> = Scrubjay::over(Planted);

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_frozen_block_names_its_writer,
        guarded_blocks_pass_for_others,
        others_blocks_in_a_hole_are_theirs,
        vaults_agree_with_the_journal,
    ])
}
