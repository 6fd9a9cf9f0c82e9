//! Threads that together never want more than 99 % of a budget, less an allowance,
//! are never refused: neither where each frees its own blocks, nor where one
//! thread allocates and another frees.

use std::collections::VecDeque;
use std::sync::{Barrier, mpsc};
use std::thread;

use scrubjay::{Budget, Tag};
use scrubjay_tests::counting::MARKED;
use scrubjay_tests::random::Random;
use scrubjay_tests::{child, harness};

use super::blocks::{self, Block};

const LIMIT: usize = 64 << 20;
const ALLOWANCE: usize = 64 << 10;
const ROOM: usize = LIMIT - LIMIT / 100 - ALLOWANCE;
const THREADS: usize = 64;

static TAG: Tag = Tag::new("limited").budget(Budget::hard(LIMIT as u64));

pub fn test() {
    for how in ["own", "handed on"] {
        child!().argument(how).succeed();
    }
}

pub fn child(arguments: &[String]) {
    let barrier = Barrier::new(THREADS);
    match &arguments[0][..] {
        "own" => thread::scope(|threads| {
            for seed in 0..THREADS as u64 {
                let barrier = &barrier;
                threads.spawn(move || own(seed, barrier));
            }
        }),
        _ => thread::scope(|threads| {
            for seed in 0..THREADS as u64 / 2 {
                threads.spawn(move || handed_on(seed));
            }
        }),
    }
    let status = TAG.budget_status().expect("it has a budget");
    assert_eq!(status.refused_count, 0, "{status:?}");
    assert_eq!((status.charged_bytes, MARKED.now()), (0, 0));
    let reached = MARKED.most();
    assert!(reached <= ROOM, "the test wanted too much: {reached}");
    assert!(reached > LIMIT / 2, "the test wanted too little: {reached}");
}

/// Each thread fills its share to the last byte, with blocks of all sizes, again and
/// again.
fn own(seed: u64, barrier: &Barrier) {
    const SHARE: usize = ROOM / THREADS;
    let mut random = Random::new(seed);
    let mut held: Vec<Block> = Vec::with_capacity(1 << 16);
    let mut left = SHARE;
    for _ in 0..harness::count(3_000, 60_000) {
        let size = blocks::size(&mut random, SHARE).min(left);
        if size == 0 || random.one_in(50) {
            let kept = random.below(held.len() + 1);
            left += held.drain(kept..).map(|block| block.size()).sum::<usize>();
            continue;
        }
        let _scope = TAG.enter();
        held.push(Block::new(size, size as u8).expect("there is room"));
        left -= size;
    }
    if left > 0 {
        let _scope = TAG.enter();
        held.push(Block::new(left, 0).expect("there is room"));
    }
    // Everybody has all of theirs.
    barrier.wait();
}

/// One thread allocates, another frees: what is credited there must come back.
fn handed_on(seed: u64) {
    const PIPE: usize = ROOM / (THREADS / 2);
    const COUNT: usize = 16;
    let (sender, receiver) = mpsc::sync_channel::<Block>(1);
    thread::scope(|threads| {
        // In the pipe, at its ends and kept behind it there are at most so many.
        threads.spawn(move || {
            let mut kept = VecDeque::with_capacity(COUNT);
            for block in receiver {
                kept.push_back(block);
                if kept.len() > COUNT - 3 {
                    kept.pop_front();
                }
            }
        });
        let mut random = Random::new(seed);
        for _ in 0..harness::count(3_000, 60_000) {
            let size = PIPE / COUNT - random.below(PIPE / COUNT / 4);
            let block = {
                let _scope = TAG.enter();
                Block::new(size, size as u8).expect("there is room")
            };
            sender.send(block).expect("somebody takes it");
        }
        drop(sender);
    });
}
