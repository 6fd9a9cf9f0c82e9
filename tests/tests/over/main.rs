//! Claims about scrubjay over another allocator than the system's: one that
//! refuses, always moves, and never shrinks. The books around it as in
//! `watched`.

use std::process::ExitCode;

use scrubjay::{Over, Scrubjay};
use scrubjay_tests::harness;
use scrubjay_tests::inner::Unhelpful;
use scrubjay_tests::watch::Watch;

#[path = "../claims/ledger_agrees_with_naive_books.rs"]
mod ledger_agrees_with_naive_books;
#[path = "../claims/ledger_journal_and_naive_books_agree.rs"]
mod ledger_journal_and_naive_books_agree;
#[path = "../claims/no_release_leaves_a_secret.rs"]
mod no_release_leaves_a_secret;
#[path = "../claims/peak_is_exact_with_one_thread.rs"]
mod peak_is_exact_with_one_thread;
mod refusals_are_failures;
mod refused_growth_leaves_the_block;

#[global_allocator]
static ALLOCATOR: Watch<Scrubjay<Over<Unhelpful>>> = Watch(Scrubjay::over(Unhelpful));

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        ledger_agrees_with_naive_books,
        ledger_journal_and_naive_books_agree,
        no_release_leaves_a_secret,
        peak_is_exact_with_one_thread,
        refusals_are_failures,
        refused_growth_leaves_the_block,
    ])
}
