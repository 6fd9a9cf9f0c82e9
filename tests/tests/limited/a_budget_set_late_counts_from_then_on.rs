//! A budget can be set and changed while its tag is in use, on all threads. Blocks from
//! before do not count, neither when they come nor when they go; a limit below what is
//! there refuses until enough is gone.

use std::sync::Barrier;
use std::thread;

use scrubjay::{Budget, Tag};
use scrubjay_tests::child;

use super::blocks::Block;

const MIB: usize = 1 << 20;

static TAG: Tag = Tag::new("limited");

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let barrier = Barrier::new(2);
    thread::scope(|threads| {
        threads.spawn(|| {
            let _scope = TAG.enter();
            let before = Block::new(3 * MIB, 1);
            barrier.wait();
            barrier.wait();
            // The scope was entered before the budget was set.
            assert!(Block::new(2 * MIB, 1).is_none());
            let within = Block::new(MIB / 2, 1);
            assert!(within.is_some());
            drop(before);
            assert_eq!(charged(), MIB / 2);
            barrier.wait();
            barrier.wait();
            drop(within);
        });
        barrier.wait();
        assert!(TAG.budget_status().is_none());
        TAG.set_budget(Budget::hard(MIB as u64));
        barrier.wait();
        barrier.wait();
        // Below what is there.
        TAG.set_budget(Budget::hard(MIB as u64 / 4));
        {
            let _scope = TAG.enter();
            assert!(Block::new(1, 1).is_none());
        }
        TAG.set_budget(Budget::hard(4 * MIB as u64));
        {
            let _scope = TAG.enter();
            assert!(Block::new(3 * MIB, 1).is_some());
        }
        barrier.wait();
    });
    assert_eq!(charged(), 0);
}

fn charged() -> usize {
    TAG.budget_status().map_or(0, |status| status.charged_bytes as usize)
}
