//! Where growth is refused, `try_reserve` gives `Err`, and the block keeps its
//! address and its content.

use scrubjay::Report;
use scrubjay_tests::{harness, inner, tags, watch};

const TAG: usize = 1;

pub fn test() {
    let _scope = tags::enter(TAG);
    let mut numbers: Vec<u32> = (0..1_000).collect();
    numbers.shrink_to_fit();
    let (address, before) = (numbers.as_ptr(), watch::figures(TAG).0);
    inner::refusing_one_in(1, || {
        numbers.try_reserve(100_000).expect_err("growth is refused");
        Vec::<u64>::new().try_reserve(10).expect_err("a new block is refused");
    });
    assert_eq!(numbers.as_ptr(), address);
    assert!(numbers.iter().copied().eq(0..1_000));
    let after = watch::figures(TAG).0;
    assert_eq!((after.failed_count, after.live()), (before.failed_count + 2, before.live()));
    let report = Report::now();
    let stats = report.tag(tags::name(TAG)).expect("the tag was entered");
    assert_eq!(stats.failed_count, after.failed_count);
    numbers.try_reserve(100_000).expect("growth is not refused any more");
}

pub use harness::no_child as child;
