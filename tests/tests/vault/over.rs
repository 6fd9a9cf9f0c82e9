//! Claims about guarded memory, over another allocator than the system's.

use std::process::ExitCode;

use scrubjay::{Over, Scrubjay};
use scrubjay_tests::harness;
use scrubjay_tests::inner::Unhelpful;

mod a_frozen_block_names_its_writer;
mod guarded_blocks_pass_for_others;
mod vaults_agree_with_the_journal;

mod raw;

#[global_allocator]
static ALLOCATOR: Scrubjay<Over<Unhelpful>> = Scrubjay::over(Unhelpful);

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_frozen_block_names_its_writer,
        guarded_blocks_pass_for_others,
        vaults_agree_with_the_journal,
    ])
}
