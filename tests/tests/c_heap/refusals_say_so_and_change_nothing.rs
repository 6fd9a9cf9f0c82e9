//! What cannot be had is null and ENOMEM, and counted as failed; a block whose
//! growth is refused stays as it is; a free leaves `errno` alone.

use scrubjay_tests::child;

use crate::c::{Ask, Block, counted, errno, set_errno};

pub fn test() {
    let finished = child!().succeed();
    assert_eq!(finished.errors, "");
}

pub fn child(_: &[String]) {
    let asks = [
        Ask::Malloc,
        Ask::Calloc,
        Ask::AlignedAlloc(64),
        Ask::Memalign(64),
        Ask::PosixMemalign(64),
        Ask::Valloc,
        Ask::Pvalloc,
    ];
    for ask in asks {
        for size in [1 << 60, isize::MAX as usize - 8, usize::MAX - 7, usize::MAX] {
            let figures = counted(|| {
                assert_eq!(Block::by(ask, size).err(), Some(libc::ENOMEM), "{ask:?}, {size}");
            });
            assert_eq!((figures.failed_count, figures.allocated_blocks), (1, 0), "{ask:?}");
        }
    }
    let figures = counted(|| {
        assert_eq!(Block::zeros(1 << 33, 1 << 33).err(), Some(libc::ENOMEM));
        assert_eq!(Block::zeros(usize::MAX, 2).err(), Some(libc::ENOMEM));
    });
    assert_eq!(figures.failed_count, 2);
    growth();
    frees();
}

fn growth() {
    for ask in [Ask::Malloc, Ask::Memalign(4096), Ask::Real] {
        for size in [100, 1 << 20] {
            let mut block = Block::by(ask, size).expect("memory");
            block.bytes().fill(5);
            let address = block.address();
            for wanted in [1 << 60, usize::MAX - 7, usize::MAX] {
                assert_eq!(counted(|| assert!(!block.resize(wanted))).failed_count, 1);
            }
            assert_eq!(block.address(), address);
            assert!(block.bytes().iter().all(|&byte| byte == 5));
        }
    }
}

fn frees() {
    for size in [10, 10_000, 1 << 20, 64 << 20] {
        let mut block = Block::new(size);
        block.bytes()[size - 1] = 1;
        set_errno(77);
        drop(block);
        assert_eq!(errno(), 77, "{size} bytes");
    }
}
