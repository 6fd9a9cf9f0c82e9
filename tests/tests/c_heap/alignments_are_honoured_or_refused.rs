//! Every function that aligns does so for every alignment; an alignment that
//! is none is EINVAL, as glibc has it.

use scrubjay_tests::child;

use crate::c::{Ask, Block, counted};

pub fn test() {
    let finished = child!().succeed();
    assert_eq!(finished.errors, "");
}

pub fn child(_: &[String]) {
    let page_size = 4096;
    for align in (0..=21).map(|shift| 1 << shift) {
        for size in [0, 1, 24, 1_000, 70_000, 3 << 20] {
            aligned(Ask::AlignedAlloc(align), align, size);
            aligned(Ask::Memalign(align), align, size);
            if align >= size_of::<usize>() {
                aligned(Ask::PosixMemalign(align), align, size);
            }
            aligned(Ask::Valloc, page_size, size);
            aligned(Ask::Pvalloc, page_size, size.next_multiple_of(page_size));
        }
    }
    for align in [0, 3, 24, 1_000] {
        assert_eq!(Block::by(Ask::AlignedAlloc(align), 100).err(), Some(libc::EINVAL), "{align}");
    }
    for align in [0, 1, 2, 4, 12, 24, 1_000] {
        assert_eq!(Block::by(Ask::PosixMemalign(align), 100).err(), Some(libc::EINVAL), "{align}");
    }
    // glibc rounds these up.
    for (align, rounded) in [(0, 1), (3, 4), (24, 32), (1_000, 1_024)] {
        aligned(Ask::Memalign(align), rounded, 100);
    }
    assert_eq!(Block::by(Ask::Memalign(usize::MAX), 1).err(), Some(libc::EINVAL));
}

fn aligned(ask: Ask, align: usize, size: usize) {
    let figures = counted(|| {
        let mut block = Block::by(ask, size).expect("memory");
        assert_eq!(block.address() % align, 0, "{ask:?}, {size} bytes");
        assert!(block.size() >= size, "{ask:?}, {size} bytes");
        block.bytes().fill(0xFF);
    });
    assert_eq!((figures.allocated_blocks, figures.freed_blocks), (1, 1), "{ask:?}, {size} bytes");
}
