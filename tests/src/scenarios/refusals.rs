//! Growth that is refused: the old block keeps its content, and leaves nothing
//! when it is freed.
#![expect(unsafe_code, reason = "calls the global allocator by hand")]

use std::alloc::{Layout, alloc, dealloc, realloc};

use crate::releases::{Released, plant, planted};

/// More than any system has.
const TOO_MUCH: usize = 1 << 50;

pub(super) fn of_growth(key: u64, released: &mut Released) {
    for (size, align) in [(100, 1), (5_000, 64), (200_000, 1), (3_000_000, 1), (40_000_000, 1)] {
        let layout = Layout::from_size_align(size, align).expect("a layout");
        // SAFETY: the layout has a size.
        let block = unsafe { alloc(layout) };
        assert!(!block.is_null());
        // SAFETY: the block is fresh and has this size.
        plant(key, unsafe { std::slice::from_raw_parts_mut(block, size) });
        // SAFETY: the block is live and of this layout.
        let moved = unsafe { realloc(block, layout, TOO_MUCH) };
        assert!(moved.is_null(), "{TOO_MUCH} bytes are too many");
        // SAFETY: the block is live and has this size.
        let kept = unsafe { std::slice::from_raw_parts(block, size) };
        assert!(kept == planted(key, size), "what was refused is untouched");
        released.note("refused", block as usize, size);
        // SAFETY: the block is live and of this layout.
        unsafe { dealloc(block, layout) };
    }
    let mut bytes = planted(key, 10_000);
    assert!(bytes.try_reserve_exact(TOO_MUCH).is_err());
    released.give_up("tried", bytes);
}
