//! What programs must not do with blocks.
#![expect(unsafe_code, reason = "misuses the global allocator")]

use std::alloc::{Layout, alloc, dealloc};

use scrubjay::{Report, Tag};

/// The tag of the misused block.
pub static TAG: Tag = Tag::new("misused");
/// The block's size: its trailer lies where glibc leaves it alone after a
/// release.
pub const SIZE: usize = 40;

/// Misuses by name, and what is said of each.
pub const MISUSES: [(&str, &str); 5] = [
    ("overflow", "overflow by at least one byte behind the block at ADDRESS, 40 bytes, tag TAG"),
    (
        "overflow-nul",
        "overflow by at least one byte behind the block at ADDRESS, 40 bytes, tag TAG",
    ),
    ("double-free", "double free of the block at ADDRESS, 40 bytes, tag TAG"),
    (
        "free-as-smaller",
        "freed with the wrong layout (32 bytes): the block at ADDRESS, 40 bytes, tag TAG",
    ),
    (
        "free-as-larger",
        "freed with the wrong layout (44 bytes): the block at ADDRESS, 40 bytes, tag TAG",
    ),
];

/// Live blocks of the tag.
pub fn live() -> u64 {
    Report::now().tag(TAG.name()).map_or(0, |stats| stats.live_blocks)
}

/// Prints a block's address and misuses it. Answers the address.
pub fn commit(name: &str) -> usize {
    let layout = |size| Layout::from_size_align(size, 1).expect("a layout");
    let scope = TAG.enter();
    // SAFETY: the layout has a size.
    let block = unsafe { alloc(layout(SIZE)) };
    drop(scope);
    assert!(!block.is_null());
    println!("{block:p}");
    // SAFETY: the block has so many bytes.
    unsafe { block.write_bytes(0xA5, SIZE) };
    let freed_as = match name {
        "free-as-smaller" => 32,
        "free-as-larger" => 44,
        _ => SIZE,
    };
    if name.starts_with("overflow") {
        // SAFETY: none; scrubjay's trailer is what is hit.
        let behind = unsafe { block.add(SIZE) };
        // SAFETY: as above.
        let before = unsafe { behind.read() };
        // Any other value than the one that stands there.
        let byte = if name == "overflow" { before ^ 0x40 } else { 0 };
        // SAFETY: as above.
        unsafe { behind.write(byte) };
    }
    if name == "double-free" {
        // SAFETY: the block is live and of this layout.
        unsafe { dealloc(block, layout(SIZE)) };
    }
    // SAFETY: none; this is what must be found.
    unsafe { dealloc(block, layout(freed_as)) };
    block as usize
}

/// Allocates one block under the tag.
fn take() -> *mut u8 {
    let _scope = TAG.enter();
    let layout = Layout::from_size_align(SIZE, 1).expect("a layout");
    // SAFETY: the layout has a size.
    unsafe { alloc(layout) }
}

/// Prints a block's address, releases it, and writes to it at byte 17.
pub fn write_after_free() {
    let block = take();
    println!("{block:p}");
    let layout = Layout::from_size_align(SIZE, 1).expect("a layout");
    // SAFETY: allocated just now with this layout.
    unsafe { dealloc(block, layout) };
    // SAFETY: none; this is what must be found. The heap still has the page.
    let place = unsafe { block.add(17) };
    // SAFETY: as above.
    unsafe { place.write_volatile(0xA5) };
}

/// Allocates a block of the same size as the misused one, and keeps it.
pub fn take_one() {
    std::hint::black_box(take());
}
