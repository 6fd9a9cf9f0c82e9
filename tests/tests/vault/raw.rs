//! Blocks without a type, and what must not be done with them.
#![expect(unsafe_code, reason = "misuses the global allocator")]

use std::alloc::{Layout, alloc, dealloc, realloc};

/// A block, or null.
pub fn allocate(layout: Layout) -> *mut u8 {
    // SAFETY: the tests' layouts have a size.
    unsafe { alloc(layout) }
}

/// Releases a block, whether or not it is one.
pub fn release(block: *mut u8, layout: Layout) {
    // SAFETY: none, where a misuse is to be found.
    unsafe { dealloc(block, layout) };
}

/// Reallocates a block of some size.
pub fn resize(block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: the tests hand over blocks of that layout.
    unsafe { realloc(block, layout, size) }
}

/// Writes a byte beside a block.
pub fn write_at(block: *mut u8, offset: isize) {
    // SAFETY: none; this is what must be found.
    unsafe { block.wrapping_offset(offset).write_volatile(0) };
}

/// Overwrites a block.
pub fn fill(block: *mut u8, size: usize, value: u8) {
    // SAFETY: the tests' blocks have so many bytes, and nobody else has them.
    unsafe { block.write_bytes(value, size) };
}

/// Whether a part of a block has one value.
pub fn holds(block: *mut u8, part: std::ops::Range<usize>, value: u8) -> bool {
    // SAFETY: the tests' blocks have so many bytes, written or mapped as zeros.
    let bytes = unsafe { std::slice::from_raw_parts(block, part.end) };
    bytes[part].iter().all(|&byte| byte == value)
}
