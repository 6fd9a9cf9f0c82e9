//! Blocks from before the process began, blocks that the C library gave behind
//! our back, and blocks whose trailer was destroyed are passed through when
//! they are freed, and counted; a stray that grows becomes a block like any
//! other.
#![expect(unsafe_code, reason = "runs before the allocator's own constructor")]

use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, Ordering};

use scrubjay_log_format::process;
use scrubjay_tests::child;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;

use crate::c::{Ask, Block, counted};

const SIZE: usize = 1_000;

/// A block from before the process began.
static EARLY: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

#[used]
#[unsafe(link_section = ".init_array.00101")]
static BEFORE_ALL: extern "C" fn() = {
    extern "C" fn allocate() {
        // SAFETY: malloc has no preconditions.
        EARLY.store(unsafe { libc::malloc(SIZE) }, Ordering::Relaxed);
    }
    allocate
};

pub fn test() {
    for mode in ["count", "journal"] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let child = child!().log(&path).setting("SCRUBJAY_MODE", mode);
        let finished = child.succeed();
        let told: Vec<u64> = finished
            .output
            .split_whitespace()
            .map(|word| word.parse().expect("a number"))
            .collect();
        let log = Log::read(&path);
        log.check();
        let words = [process::PASSED_THROUGH_COUNT, process::PASSED_THROUGH_BYTES];
        assert_eq!(words.map(|word| log.process[word]), told[..]);
        assert_eq!(log.process[process::CORRUPTION_COUNT], 0);
    }
}

pub fn child(_: &[String]) {
    let mut bytes = 0;
    // SAFETY: allocated before main, and nobody else's.
    let early = unsafe { Block::of(EARLY.load(Ordering::Relaxed)) };
    bytes += early.size();
    assert_eq!(counted(|| drop(early)).freed_blocks, 0);

    let behind_our_back = Block::by(Ask::Real, SIZE).expect("memory");
    bytes += behind_our_back.size();
    assert_eq!(counted(|| drop(behind_our_back)).freed_blocks, 0);

    let mut grown = Block::by(Ask::Real, SIZE).expect("memory");
    grown.bytes().fill(3);
    let room = grown.size();
    assert!(grown.resize(room), "there is room where it is");
    bytes += room;
    let figures = counted(|| {
        assert!(grown.resize(10 * SIZE));
        assert!(grown.bytes()[..room].iter().all(|&byte| byte == 3));
        drop(grown);
    });
    assert_eq!((figures.allocated_blocks, figures.freed_blocks), (1, 1));

    let figures = counted(|| {
        for destroyed in [2, 8] {
            let mut block = Block::new(SIZE);
            bytes += block.size() + 8;
            // SAFETY: none; it is what faulty programs do.
            unsafe { block.bytes_behind(destroyed) }.fill(0xEE);
        }
    });
    assert_eq!((figures.allocated_blocks, figures.freed_blocks), (2, 0), "they live for ever");
    println!("5 {bytes}");
}
