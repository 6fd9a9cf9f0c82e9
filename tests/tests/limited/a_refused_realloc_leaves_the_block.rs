//! A realloc that finds no room gives null and leaves the block as it is; `try_reserve`
//! is an error, and what was there can still be used.

use scrubjay::{Budget, Tag};
use scrubjay_tests::child;

use super::blocks::Block;

static TAG: Tag = Tag::new("limited").budget(Budget::hard(1 << 20).headroom(0));

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let _scope = TAG.enter();
    let mut block = Block::new(600 << 10, 7).expect("there is room");
    // Both places at a time do not fit.
    assert!(!block.resize(700 << 10));
    assert_eq!(block.size(), 600 << 10);
    assert!(block.resize(300 << 10), "over this allocator that moves, too: 900 KiB");
    assert!(block.resize(700 << 10));
    drop(block);

    let mut bytes: Vec<u8> = vec![9; 100 << 10];
    assert!(bytes.try_reserve(2 << 20).is_err());
    assert!(bytes.iter().all(|&byte| byte == 9));
    bytes.try_reserve_exact(400 << 10).expect("there is room");
    let status = TAG.budget_status().expect("it has a budget");
    assert_eq!(status.charged_bytes, 500 << 10);
    assert_eq!(
        (status.refused_count, status.refused_bytes),
        (2, (700 << 10) + (2 << 20) + (100 << 10))
    );
}
