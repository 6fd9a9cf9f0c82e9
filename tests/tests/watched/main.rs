//! Claims that an allocator around scrubjay can check, which keeps books of
//! its own.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;
use scrubjay_tests::watch::Watch;

#[path = "../claims/ledger_agrees_with_naive_books.rs"]
mod ledger_agrees_with_naive_books;
#[path = "../claims/ledger_journal_and_naive_books_agree.rs"]
mod ledger_journal_and_naive_books_agree;
#[path = "../claims/peak_is_exact_with_one_thread.rs"]
mod peak_is_exact_with_one_thread;
#[path = "../claims/peak_is_within_its_bound.rs"]
mod peak_is_within_its_bound;

#[global_allocator]
static ALLOCATOR: Watch<Scrubjay> = Watch(Scrubjay::new());

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        ledger_agrees_with_naive_books,
        ledger_journal_and_naive_books_agree,
        peak_is_exact_with_one_thread,
        peak_is_within_its_bound,
    ])
}
