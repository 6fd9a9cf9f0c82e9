//! 64 threads want ten times as much as a tag's budget and as the process's; what
//! the allocator behind has given out never passes the limit. At rest no byte is
//! lost: what is free can be had to the last one, from any thread.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use scrubjay::{Budget, Scope, Tag};
use scrubjay_tests::counting::{ALL, MARKED};
use scrubjay_tests::random::Random;
use scrubjay_tests::{child, harness};

use super::blocks::{self, Block};

const LIMIT: usize = 64 << 20;
const THREADS: usize = 64;
const LARGEST: usize = 1 << 20;

static TAG: Tag = Tag::new("limited").budget(Budget::hard(LIMIT as u64).headroom(0));

pub fn test() {
    for whose in ["tag", "process", "both"] {
        child!().argument(whose).succeed();
    }
}

pub fn child(arguments: &[String]) {
    let whose = &arguments[0][..];
    let scope = || (whose != "process").then(|| TAG.enter());
    // What the test itself needs besides.
    let total = LIMIT + (8 << 20);
    // From before the budget.
    let before = ALL.now();
    if whose != "tag" {
        scrubjay::set_budget(Budget::hard(total as u64).headroom(0));
    }
    let limit = if whose == "process" { total + before } else { LIMIT };
    let refused = AtomicUsize::new(0);
    let barrier = Barrier::new(THREADS);
    thread::scope(|threads| {
        for seed in 0..THREADS as u64 {
            let (refused, barrier) = (&refused, &barrier);
            threads.spawn(move || work(seed, scope, refused, barrier));
        }
    });
    let most = if whose == "process" { ALL.most() } else { MARKED.most() };
    let refused = refused.into_inner();
    assert!(most <= limit, "{most} bytes of {limit}");
    // It was close: the limit, not the work, was in the way.
    assert!(most > limit - LARGEST, "no more than {most} bytes of {limit}");
    assert!(refused > THREADS, "only {refused} refusals");
    let _scope = scope();
    assert_eq!(MARKED.now(), 0);
    if whose != "process" {
        // All of it, and not a byte more.
        assert!(Block::new(LIMIT + 1, 0).is_none());
        let whole = Block::new(LIMIT, 0).expect("everything is free");
        assert!(Block::new(1, 0).is_none());
        drop(whole);
        assert_eq!(TAG.budget_status().map(|status| status.charged_bytes), Some(0));
    }
}

fn work(seed: u64, scope: impl Fn() -> Option<Scope>, refused: &AtomicUsize, barrier: &Barrier) {
    let mut random = Random::new(seed);
    // Under no tag: it is not what is limited.
    let mut held = Vec::with_capacity(256);
    barrier.wait();
    for _ in 0..harness::count(2_000, 40_000) {
        let _scope = scope();
        let is_refused = blocks::step(&mut held, &mut random, LARGEST);
        refused.fetch_add(is_refused.into(), Ordering::Relaxed);
        if held.len() > 200 {
            held.truncate(100);
        }
    }
    // At rest, with everybody's allowances where they are.
    barrier.wait();
    if seed == 7 {
        let free = LIMIT.saturating_sub(MARKED.now());
        if let Some(_scope) = scope()
            && free > 0
        {
            assert!(Block::new(free + 1, 0).is_none(), "more than {free} bytes were free");
            assert!(Block::new(free, 0).is_some(), "of {free} free bytes some were lost");
        }
    }
    barrier.wait();
    drop(held);
}
