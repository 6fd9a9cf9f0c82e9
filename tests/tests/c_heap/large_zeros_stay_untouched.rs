//! A large block of zeros that nobody touches costs no pages, neither when it
//! comes nor when it goes.

use scrubjay_tests::child;

use crate::c::Block;

const GIB: usize = 1 << 30;

pub fn test() {
    let finished = child!().succeed();
    assert_eq!(finished.errors, "");
}

pub fn child(_: &[String]) {
    let before = resident();
    let mut block = Block::zeros(1 << 10, 1 << 20).expect("addresses");
    let bytes = block.bytes();
    assert!([0, GIB / 2, GIB - 1].iter().all(|&at| bytes[at] == 0));
    let grown = resident().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more are resident while it lives");
    drop(block);
    let grown = resident().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more are resident afterwards");
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let pages: usize = pages.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a count");
    pages * 4096
}
