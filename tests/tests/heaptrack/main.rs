//! heaptrack says the same of the same program: what its peak was, what it left,
//! and who had allocated that.

use std::process::ExitCode;

use scrubjay_tests::harness;

mod both_agree_about_peak_leaks_and_sites;
mod sites;

/// The programs that are looked at stand apart; this one needs no allocator.
fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![both_agree_about_peak_leaks_and_sites])
}
