//! A large block of which the system has swapped pages out: what is not in
//! memory has to be overwritten, too, and is no page that nobody touched.
#![expect(unsafe_code, reason = "asks the system to swap a block's pages out")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::{Duration, Instant};

use scrubjay::Tag;

use crate::releases::{Released, planted};

/// Large enough that a wipe asks which pages were touched.
const SIZE: usize = 16 << 20;
const PAGE_SIZE: usize = 4096;
/// Bit of an entry of `/proc/self/pagemap`.
const SWAPPED: u64 = 1 << 62;

/// How many pages of a block are swapped out.
fn swapped_count(block: &[u8]) -> usize {
    let pagemap = File::open("/proc/self/pagemap").expect("one's own pagemap is readable");
    let mut entries = vec![0; block.len() / PAGE_SIZE * 8];
    let first = block.as_ptr() as usize / PAGE_SIZE;
    pagemap.read_exact_at(&mut entries, first as u64 * 8).expect("it has every page");
    let entry = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
    entries.chunks_exact(8).filter(|bytes| entry(bytes) & SWAPPED != 0).count()
}

/// Has the system swap a block out; it takes its time where it is busy.
fn swap_out(block: &[u8]) -> usize {
    let start = Instant::now();
    let first = (block.as_ptr() as usize).next_multiple_of(PAGE_SIZE);
    let size = (block.as_ptr() as usize + block.len() - first) / PAGE_SIZE * PAGE_SIZE;
    let mut count = 0;
    while count < size / PAGE_SIZE / 2 && start.elapsed() < Duration::from_secs(5) {
        // SAFETY: the pages are the block's; their content stays what it is.
        unsafe { libc::madvise(first as *mut libc::c_void, size, libc::MADV_PAGEOUT) };
        count = swapped_count(block);
        thread::sleep(Duration::from_millis(20));
    }
    count
}

/// Frees blocks of which much is swapped out, and says how many pages that
/// were at the least.
pub(super) fn free(key: u64, released: &mut Released) {
    static SECRET: Tag = Tag::new("swapped secret").secret();
    let mut least = usize::MAX;
    let mut blocks = Vec::new();
    for is_secret in [false, true] {
        let _scope = is_secret.then(|| SECRET.enter());
        for size in [SIZE, 3 * SIZE] {
            blocks.push(planted(key, size));
        }
    }
    for block in blocks {
        least = least.min(swap_out(&block));
        released.give_up("swapped", block);
    }
    released.note_swapped(least);
}
