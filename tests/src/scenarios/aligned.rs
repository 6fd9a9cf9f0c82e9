//! Over-aligned blocks that grow and shrink: glibc cannot realloc them itself.
#![expect(unsafe_code, reason = "calls the global allocator by hand")]

use std::alloc::{Layout, alloc, dealloc, realloc};

use crate::releases::{Released, plant};

pub(super) fn reallocs(key: u64, released: &mut Released) {
    for align in [32, 64, 4_096, 65_536] {
        for (size, new_size) in [(100, 5_000), (5_000, 100), (5_000, 4_900), (50_000, 3_000_000)] {
            let layout = Layout::from_size_align(size, align).expect("a layout");
            // SAFETY: the layout has a size.
            let block = unsafe { alloc(layout) };
            assert!(!block.is_null());
            // SAFETY: the block is fresh and has this size.
            plant(key, unsafe { std::slice::from_raw_parts_mut(block, size) });
            // SAFETY: the block is live and of this layout; the size is small.
            let moved = unsafe { realloc(block, layout, new_size) };
            assert!(!moved.is_null());
            if moved != block {
                released.note("moved", block as usize, size);
            } else if new_size < size {
                released.note("tail", block as usize + new_size, size - new_size);
            }
            let layout = Layout::from_size_align(new_size, align).expect("a layout");
            released.note("aligned", moved as usize, new_size);
            // SAFETY: the block is live and of this layout.
            unsafe { dealloc(moved, layout) };
        }
    }
}
