//! An inner allocator that refuses at random: each refusal is counted as a
//! failure and nothing as live, by journal, ledger and naive books alike.

use scrubjay_tests::agreement;
use scrubjay_tests::churn::Churn;
use scrubjay_tests::harness;

pub fn test() {
    for mode in ["journal", "count"] {
        for seed in 0..harness::count(2, 8) as u64 {
            let steps = harness::count(5_000, 50_000);
            let churn = Churn { seed, threads: 4, steps, refused_one_in: 5, largest: usize::MAX };
            let (_, books) = agreement::of_churn(module_path!(), mode, churn);
            let failed: u64 = books.tags.iter().map(|figures| figures.failed_count).sum();
            assert!(failed > 4 * steps as u64 / 10, "only {failed} refusals");
        }
    }
}

pub use scrubjay_tests::agreement::churn as child;
