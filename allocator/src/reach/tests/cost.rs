//! What a search reads while the program stands still.

use super::ground::{Ground, Hidden, write};

/// Blocks in random order of a chain of `1 << shift` of them, each with a second
/// pointer to a random one, as in a program's graph. Answers the first one.
#[inline(never)]
fn tangle(ground: &mut Ground, shift: u32, size: usize) -> Hidden {
    let count = 1 << shift;
    let blocks: Vec<Hidden> = (0..count).map(|_| ground.block_now(size)).collect();
    // A full round through all numbers (Knuth, TAOCP 2, 3.2.1.2).
    let next = |at: usize| (at * 5 + 12_345) % count;
    let mut at = 0;
    for _ in 0..count {
        write(blocks[at], 0, blocks[next(at)], 0);
        write(blocks[at], 8, blocks[(at * 7_919) % count], 8);
        at = next(at);
    }
    blocks[0]
}

#[inline(never)]
fn hold(frame: &mut [usize], first: Hidden) {
    frame[0] = first.address();
}

/// However many lead to it, and whether it is held or lost.
#[test]
fn each_block_is_read_once() {
    for (shift, size) in [(13, 104), (16, 104), (16, 1000)] {
        let count = 1_usize << shift;
        let mut ground = Ground::new((count * (size + 24)).next_multiple_of(4096) + 8192);
        let first = tangle(&mut ground, shift, size);
        let mut frame = [0_usize; 2];
        hold(&mut frame, first);
        let found = ground.scan();
        assert_eq!((found.lost_count(), found.scan.counts.block_size), (0, (count * size) as u64));
        std::hint::black_box(&mut frame).fill(0);
    }
}
