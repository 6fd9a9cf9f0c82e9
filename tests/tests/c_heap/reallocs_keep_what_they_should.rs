//! Chains of `realloc` keep the content, as a vector of bytes beside them does;
//! of null it allocates, to 0 bytes it frees.
#![expect(unsafe_code, reason = "calls the C library")]

use std::ptr;

use scrubjay::Report;
use scrubjay_tests::child;
use scrubjay_tests::harness::count;
use scrubjay_tests::random::Random;

use crate::c::{Ask, Block, counted};

const STEPS: u64 = 60;

pub fn test() {
    let finished = child!().succeed();
    assert_eq!(finished.errors, "");
}

pub fn child(_: &[String]) {
    for seed in 0..count(20, 400) as u64 {
        let figures = counted(|| chain(seed));
        assert_eq!(figures.live(), (0, 0), "seed {seed}");
        assert_eq!(figures.realloc_in_place + figures.realloc_moved, STEPS);
    }
    arrays();
    of_nothing_and_to_nothing();
    assert_eq!(Report::now().corruption_count, 0);
}

fn size(random: &mut Random) -> usize {
    1 + match random.below(20) {
        0..10 => random.below(200),
        10..15 => random.below(5_000),
        15..19 => random.below(300_000),
        _ => random.below(8 << 20),
    }
}

fn chain(seed: u64) {
    let random = &mut Random::new(seed);
    let ask = match seed % 3 {
        0 => Ask::Malloc,
        1 => Ask::Calloc,
        _ => Ask::Memalign(1 << random.below(13)),
    };
    let mut model = vec![0; size(random)];
    let mut block = Block::by(ask, model.len()).expect("memory");
    for _ in 0..STEPS {
        Random::new(random.next_word()).fill(&mut model);
        block.bytes()[..model.len()].copy_from_slice(&model);
        let (old, new) = (model.len(), size(random));
        model.resize(new, 0);
        assert!(block.resize(new), "seed {seed}");
        let kept = old.min(new);
        assert!(block.bytes()[..kept] == model[..kept], "seed {seed}: {old} to {new} bytes");
        // Somebody stands behind it, now and then.
        if random.one_in(4) {
            drop([new / 2 + 1, new, 40].map(Block::new));
        }
    }
}

fn arrays() {
    let figures = counted(|| {
        let mut block = Block::new(10);
        block.bytes()[..10].fill(7);
        assert!(block.resize_array(1_000, 50));
        assert!(block.bytes()[..10].iter().all(|&byte| byte == 7));
        assert!(!block.resize_array(1 << 40, 1 << 40), "it overflows");
    });
    assert_eq!((figures.realloc_moved, figures.live()), (1, (0, 0)));
}

fn of_nothing_and_to_nothing() {
    let figures = counted(|| {
        // SAFETY: null is allowed.
        let place = unsafe { libc::realloc(std::hint::black_box(ptr::null_mut()), 100) };
        assert!(!place.is_null());
        // SAFETY: the block is live.
        let place = unsafe { libc::realloc(place, 0) };
        assert!(place.is_null());
    });
    assert_eq!((figures.allocated_blocks, figures.freed_blocks), (1, 1));
    assert_eq!((figures.realloc_in_place, figures.realloc_moved), (0, 0));
}
