//! Lost blocks among themselves.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::ground::{Found, Ground, Hidden};
use super::is_alone;
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

struct Node {
    next: RefCell<Option<Rc<Node>>>,
    _name: Box<[u8; 40]>,
}

impl Node {
    fn new(next: Option<Rc<Node>>) -> Rc<Self> {
        Rc::new(Self { next: RefCell::new(next), _name: Box::new([1; 40]) })
    }
}

/// Two nodes that hold each other: the blocks of both, and of their names. And one
/// of the nodes, where something is to hold on to it.
#[inline(never)]
fn ring(ground: &mut Ground, keeps: bool) -> ([Hidden; 4], Option<Rc<Node>>) {
    // Before the value stand two counts.
    const COUNTS: usize = 2 * size_of::<usize>();
    let first = Node::new(None);
    let second = Node::new(Some(Rc::clone(&first)));
    *first.next.borrow_mut() = Some(Rc::clone(&second));
    let node = |node: &Rc<Node>| Hidden(!(Rc::as_ptr(node).expose_provenance() - COUNTS));
    let name = |node: &Rc<Node>| Hidden(!(&raw const *node._name).expose_provenance());
    let nodes = [&first, &second].map(|it| ground.add(node(it), COUNTS + size_of::<Node>()));
    let names = [&first, &second].map(|it| ground.add(name(it), 40));
    ([nodes[0], nodes[1], names[0], names[1]], keeps.then_some(first))
}

#[test]
fn reference_counts_that_hold_each_other_are_a_cycle_once_nobody_else_does() {
    let path = "reference_counts_that_hold_each_other_are_a_cycle_once_nobody_else_does";
    if !is_alone(&format!("lost::{path}")) {
        return;
    }
    let mut ground = Ground::new(1 << 20);
    let ([first, second, of_first, of_second], _) = ring(&mut ground, false);
    let found = ground.scan();
    assert_eq!([first, second].map(|node| found.held(node)), [Held::Lost; 2]);
    assert_eq!(cycles(&found), [numbers(&found, &[first, second])]);
    assert_eq!(found.held(of_first), found.lost_by(first));
    assert_eq!(found.held(of_second), found.lost_by(second));

    let ([first, second, ..], mut kept) = ring(&mut ground, true);
    let found = ground.scan();
    assert!(matches!(found.held(first), Held::Stack { .. }), "{:?}", found.held(first));
    assert_eq!((found.held(second), found.scan.cycles().count()), (found.by(first), 1));
    std::hint::black_box(&mut kept);
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

#[test]
fn lost_blocks_tell_what_they_hold_and_where() {
    let mut ground = Ground::new(1 << 20);
    let [a, b] = [(); 2].map(|()| ground.block(48));
    let tail = ground.block(24);
    ground.point(a, 16, b, 0);
    ground.point(b, 40, a, 8);
    ground.point(b, 8, tail, 0);
    let found = ground.scan();
    let held_by = |block| found.scan.held_by(found.number(block)).collect::<Vec<_>>();
    assert_eq!(held_by(a), [(found.number(b), 16)]);
    assert_eq!(held_by(b), [(found.number(tail), 8), (found.number(a), 40)]);
    assert_eq!(held_by(tail), []);
    let root = |block| found.scan.lost_root(found.number(block));
    assert_eq!(root(a), Some(found.number(a)));
    assert_eq!(root(tail), root(b));
}
