//! Lost blocks among themselves.

use std::collections::BTreeSet;

use super::ground::{Found, Ground, Hidden};
use crate::reach::Held;

fn cycles(found: &Found<'_>) -> Vec<BTreeSet<u32>> {
    found.scan.cycles().map(|members| members.iter().copied().collect()).collect()
}

fn numbers(found: &Found<'_>, blocks: &[Hidden]) -> BTreeSet<u32> {
    blocks.iter().map(|&block| found.number(block)).collect()
}

#[test]
fn a_chain_is_lost_through_its_head() {
    let mut ground = Ground::new(1 << 20);
    let [head, middle, tail] = [(); 3].map(|()| ground.block(32));
    ground.point(head, 8, middle, 0);
    ground.point(middle, 0, tail, 8);
    let found = ground.scan();
    assert_eq!(found.held(head), Held::Lost);
    assert_eq!(found.held(middle), found.lost_by(head));
    assert_eq!(found.held(tail), found.lost_by(middle));
    for block in [head, middle, tail] {
        assert_eq!(found.scan.root(found.number(block)), Held::Lost);
    }
    assert_eq!(cycles(&found), []);
}

#[test]
fn cycles_are_lost_by_themselves_and_what_hangs_on_them_through_them() {
    let mut ground = Ground::new(1 << 20);
    let [a, b] = [(); 2].map(|()| ground.block(48));
    let [c, d, e, tail, end] = [(); 5].map(|()| ground.block(24));
    let own = ground.block(16);
    for (from, to) in [(a, b), (b, a), (c, d), (d, e), (e, c), (tail, end), (own, own)] {
        ground.point(from, 0, to, 0);
    }
    ground.point(d, 16, tail, 0);
    let found = ground.scan();
    for block in [a, b, c, d, e, own] {
        assert_eq!(found.held(block), Held::Lost);
    }
    assert_eq!(found.held(tail), found.lost_by(d));
    assert_eq!(found.held(end), found.lost_by(tail));
    let mut expected =
        vec![numbers(&found, &[a, b]), numbers(&found, &[c, d, e]), numbers(&found, &[own])];
    let mut cycles = cycles(&found);
    cycles.sort();
    expected.sort();
    assert_eq!(cycles, expected);
    let of = |block| found.scan.cycle_of(found.number(block));
    assert_eq!(of(c), of(e));
    assert_ne!(of(a), of(c));
    assert_eq!(of(tail), None);
    // The members of a ring stand in its order.
    let ring: Vec<u32> = found.scan.cycles().find(|ring| ring.len() == 3).unwrap().to_vec();
    let at = ring.iter().position(|&member| member == found.number(c)).unwrap();
    assert_eq!(ring[(at + 1) % 3], found.number(d));
}

#[test]
fn a_cycle_that_a_lost_block_holds_is_lost_through_it() {
    let mut ground = Ground::new(1 << 20);
    let [head, a, b] = [(); 3].map(|()| ground.block(48));
    for (from, to) in [(head, a), (a, b), (b, a)] {
        ground.point(from, 0, to, 0);
    }
    let found = ground.scan();
    assert_eq!(found.held(head), Held::Lost);
    assert_eq!(found.held(a), found.lost_by(head));
    assert_eq!(found.held(b), found.lost_by(a));
    assert_eq!(cycles(&found), [numbers(&found, &[a, b])]);
}

const COUNT: usize = 40;

/// Which block leads to which, by looking at all words of all blocks, and
/// following (Warshall, A Theorem on Boolean Matrices, 1962).
#[inline(never)]
fn reachable(blocks: &[Hidden], sizes: &[usize]) -> [[bool; COUNT]; COUNT] {
    let mut reaches = [[false; COUNT]; COUNT];
    for (from, &block) in blocks.iter().enumerate() {
        for (to, &target) in blocks.iter().enumerate() {
            reaches[from][to] = (0..sizes[from] / 8).any(|at| {
                let place = core::ptr::with_exposed_provenance::<usize>(block.address() + 8 * at);
                // SAFETY: the block has so many words.
                let word = unsafe { place.read() };
                (target.address()..=target.address() + sizes[to]).contains(&(word & !7))
            });
        }
    }
    for via in 0..COUNT {
        for from in 0..COUNT {
            for to in 0..COUNT {
                reaches[from][to] |= reaches[from][via] && reaches[via][to];
            }
        }
    }
    reaches
}

/// Against the obvious way, on graphs drawn at random.
#[test]
fn verdicts_are_those_of_the_obvious_way() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize % below
    };
    let mut judged_count = 0;
    for _ in 0..60 {
        let mut ground = Ground::new(1 << 20);
        let blocks: Vec<Hidden> = (0..COUNT).map(|_| ground.block(8 * (1 + draw(9)))).collect();
        let sizes: Vec<usize> = ground.blocks().iter().map(|block| block.size).collect();
        for _ in 0..draw(2 * COUNT) {
            let (from, to) = (draw(COUNT), draw(COUNT));
            let place = 8 * draw(sizes[from] / 8);
            ground.point(blocks[from], place, blocks[to], draw(sizes[to] + 1));
        }
        let reaches = reachable(&blocks, &sizes);
        let found = ground.scan();
        let lost_count = found.lost_count();
        if lost_count < COUNT {
            // A word that is left on this stack points there.
            continue;
        }
        judged_count += 1;
        for block in 0..COUNT {
            let is_held = (0..COUNT).any(|from| reaches[from][block] && !reaches[block][from]);
            let held = found.held(blocks[block]);
            assert_eq!(held == Held::Lost, !is_held, "{held:?}");
            let cycle = found.scan.cycle_of(found.number(blocks[block]));
            assert_eq!(cycle.is_some(), reaches[block][block], "{held:?}");
            for other in 0..COUNT {
                let is_one = reaches[block][other] && reaches[other][block];
                let of_other = found.scan.cycle_of(found.number(blocks[other]));
                assert_eq!(cycle.is_some() && cycle == of_other, is_one);
            }
        }
    }
    assert!(judged_count >= 30, "{judged_count}");
}
