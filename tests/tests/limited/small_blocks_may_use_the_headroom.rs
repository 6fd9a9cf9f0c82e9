//! Where large blocks are refused, small ones find room in the headroom, and any block
//! of a thread that asks for it; the limit holds all the same.

use scrubjay::{Budget, Headroom, Tag};
use scrubjay_tests::child;
use scrubjay_tests::counting::MARKED;

use super::blocks::Block;

static TAG: Tag = Tag::new("limited").budget(Budget::hard(1 << 20).headroom(64 << 10));

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let mut smalls = Vec::with_capacity(100);
    let _scope = TAG.enter();
    let large = Block::new((1 << 20) - (64 << 10), 0);
    assert!(large.is_some());
    assert!(Block::new((4 << 10) + 1, 0).is_none());
    let small = Block::new(4 << 10, 0);
    assert!(small.is_some());
    {
        let _headroom = Headroom::use_it();
        assert!(Block::new(61 << 10, 0).is_none(), "not past the limit");
        assert!(Block::new(60 << 10, 0).is_some());
    }
    assert!(Block::new(8 << 10, 0).is_none());
    while let Some(block) = Block::new(4 << 10, 0) {
        smalls.push(block);
    }
    assert_eq!(smalls.len(), 15);
    assert_eq!(MARKED.most(), 1 << 20);
}
