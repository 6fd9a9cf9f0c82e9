//! Ledger, journal and the books of an allocator around scrubjay agree exactly
//! over random work of several threads: sums by tag, and every live block.

use scrubjay_tests::agreement;
use scrubjay_tests::churn::Churn;
use scrubjay_tests::harness;

pub fn test() {
    for seed in 0..harness::count(3, 12) as u64 {
        let steps = harness::count(5_000, 50_000);
        let churn = Churn {
            seed,
            threads: 1 + seed as usize * 3 % 8,
            steps,
            refused_one_in: 0,
            largest: usize::MAX,
        };
        let (log, books) = agreement::of_churn(module_path!(), "journal", churn);
        assert!(log.events.len() > steps / 2, "only {} events", log.events.len());
        let failed: u64 = books.tags.iter().map(|figures| figures.failed_count).sum();
        assert!(failed > 10, "only {failed} refusals");
    }
}

pub use scrubjay_tests::agreement::churn as child;
