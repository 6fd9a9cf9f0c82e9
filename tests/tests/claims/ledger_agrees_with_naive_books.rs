//! The same in count mode, whose way through the allocator is another.

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
        let (_, books) = agreement::of_churn(module_path!(), "count", churn);
        assert!(books.tags.iter().all(|figures| figures.allocated_blocks > 100));
    }
}

pub use scrubjay_tests::agreement::churn as child;
