//! Whatever `malloc_usable_size` says may be written, to the last byte, without
//! hurting the trailer; it is never less than what was asked for.

use scrubjay::Report;
use scrubjay_tests::child;

use crate::c::{Ask, Block, counted};

pub fn test() {
    let finished = child!().succeed();
    assert_eq!(finished.errors, "");
}

pub fn child(_: &[String]) {
    let sizes = (0..2_000).chain((2_000..300_000).step_by(4_321)).chain([5 << 20, 40 << 20]);
    for size in sizes {
        for ask in [Ask::Malloc, Ask::Calloc, Ask::Memalign(64)] {
            let figures = counted(|| {
                let mut block = Block::by(ask, size).expect("memory");
                assert!(block.size() >= size, "{ask:?}, {size} bytes");
                block.bytes().fill(0xFF);
                let size = block.size();
                assert!(block.resize(size), "{ask:?}, {size} bytes");
                assert!(block.bytes().iter().take(size).all(|&byte| byte == 0xFF));
                block.bytes().fill(0);
            });
            assert_eq!(figures.live(), (0, 0), "{ask:?}, {size} bytes");
            assert_eq!(figures.freed_blocks, 2, "{ask:?}, {size} bytes");
        }
    }
    assert_eq!(Report::now().corruption_count, 0);
}
