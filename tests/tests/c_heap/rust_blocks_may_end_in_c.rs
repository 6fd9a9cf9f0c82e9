//! A Rust block that is wrongly freed or resized by C, which works with the
//! system's allocator, is released as what it is; also where a C block stood in
//! its place before, whose tombstone is still in its slack.
#![expect(unsafe_code, reason = "misuses the C library")]

use std::ffi::{CString, c_void};
use std::hint::black_box;

use scrubjay::{Report, Tag};
use scrubjay_tests::child;

use crate::c::{Block, counted};

static TAG: Tag = Tag::new("ends-in-c");

pub fn test() {
    let finished = child!().succeed();
    assert_eq!(finished.errors, "");
}

pub fn child(_: &[String]) {
    for size in (1..600).chain([5_000, 100_000, 500_000]) {
        // Leaves a tombstone where the next block's slack is.
        drop(Block::new(size + 8));
        // SAFETY: none; it is what faulty programs do.
        unsafe { libc::free(string(size)) };
        drop(Block::new(size + 8));
        let place = string(size);
        let figures = counted(|| {
            // SAFETY: as above.
            let grown = unsafe { libc::realloc(black_box(place), size * 2) };
            // SAFETY: the block is live.
            let mut block = unsafe { Block::of(grown) };
            assert!(block.bytes()[..size - 1].iter().all(|&byte| byte == b'x'));
        });
        assert_eq!(figures.live(), (0, 0), "{size} bytes");
    }
    let report = Report::now();
    let stats = report.tag(TAG.name()).expect("the tag was entered");
    assert_eq!((stats.live_blocks, stats.live_bytes), (0, 0));
    assert_eq!(stats.wiped_bytes, stats.freed_bytes - stats.carried_bytes);
    assert_eq!(report.corruption_count, 0);
}

/// A string of so many bytes, NUL included, that C gets.
fn string(size: usize) -> *mut c_void {
    let _scope = TAG.enter();
    let mut bytes = Vec::with_capacity(size);
    bytes.resize(size - 1, b'x');
    black_box(CString::new(bytes).expect("no NUL within").into_raw()).cast()
}
