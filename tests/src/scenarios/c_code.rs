//! What C code does with memory: buffers that it fills, grows, copies and
//! frees.
#![expect(unsafe_code, reason = "calls the C library")]

use std::hint::black_box;
use std::ptr;

use crate::releases::{Released, plant};

use super::text::plant_text;

/// Fills a block of C's with the secret of a key.
///
/// # Safety
/// `block` has `size` bytes.
unsafe fn fill(block: *mut libc::c_void, size: usize, key: u64) {
    assert!(!block.is_null());
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts_mut(block.cast::<u8>(), size) };
    plant(key, bytes);
    black_box(bytes);
}

pub(super) fn buffers(key: u64, _: &mut Released) {
    for size in [40, 100, 1_000, 5_000, 100_000, 3_000_000] {
        // SAFETY: it has no conditions.
        let by_malloc = unsafe { libc::malloc(size) };
        // SAFETY: as above.
        let by_calloc = unsafe { libc::calloc(size / 4, 4) };
        let mut aligned = ptr::null_mut();
        // SAFETY: the place can be written.
        unsafe { libc::posix_memalign(&mut aligned, 64, size) };
        let blocks = [by_malloc, by_calloc, aligned];
        for block in blocks {
            // SAFETY: the block has this size.
            unsafe { fill(block, size, key) };
        }
        for block in blocks {
            // SAFETY: the block is C's and nobody uses it any more.
            unsafe { libc::free(block) };
        }
    }
}

pub(super) fn growth(key: u64, _: &mut Released) {
    let mut block = ptr::null_mut();
    let mut size = 50;
    while size < 4 << 20 {
        // SAFETY: the block is null or C's, and only the new one is used.
        block = unsafe { libc::realloc(block, size) };
        // SAFETY: the block has this size.
        unsafe { fill(block, size, key) };
        // Stands in its way, for ever.
        // SAFETY: it has no conditions.
        black_box(unsafe { libc::malloc(40) });
        size *= 2;
    }
    // SAFETY: the block is C's; a shrunk one has a tail.
    block = unsafe { libc::realloc(block, 1_000) };
    // SAFETY: nobody uses it any more.
    unsafe { libc::free(block) };
}

pub(super) fn strings(key: u64, _: &mut Released) {
    let mut text = [0_u8; 3_000];
    let size = text.len() - 1;
    plant_text(key, &mut text[..size]);
    // SAFETY: the text ends with a zero.
    let copy = unsafe { libc::strdup(text.as_ptr().cast()) };
    // SAFETY: as above.
    let part = unsafe { libc::strndup(text.as_ptr().cast(), 1_000) };
    // The text itself stands on the stack.
    text.fill(0);
    black_box(&mut text);
    for block in [black_box(copy), black_box(part)] {
        // SAFETY: the block is C's and nobody uses it any more.
        unsafe { libc::free(block.cast()) };
    }
}
