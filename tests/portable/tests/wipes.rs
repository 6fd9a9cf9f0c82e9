//! Of what was written in a block nothing stands there after its release: seen
//! by another look at memory, which the optimiser knows nothing of.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "allocates, and hands blocks back")]

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::fs::File;
use std::os::unix::fs::FileExt;

use scrubjay::{Scrubjay, Tag};

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

static SPARED: Tag = Tag::new("spared").wipe(false);
static PUBLIC: Tag = Tag::new("public");
static SECRET: Tag = Tag::new("secret").secret();

const SIZES: [usize; 9] = [64, 100, 129, 1_000, 4_096, 20_000, 70_000, 300_000, 6 << 20];
const WORD: [u8; 8] = *b"acorn#7!";

/// Another look at the process's memory.
struct Look {
    memory: File,
    bytes: Vec<u8>,
}

impl Look {
    fn new() -> Self {
        let memory = File::open("/proc/self/mem").unwrap();
        Self { memory, bytes: vec![0; SIZES[SIZES.len() - 1]] }
    }

    /// How many whole words stand in a range; memory that is not there any
    /// more holds none.
    fn words_in(&mut self, address: usize, size: usize) -> usize {
        let bytes = &mut self.bytes[..size];
        bytes.fill(0);
        let mut read = 0;
        while read < size {
            match self.memory.read_at(&mut bytes[read..], (address + read) as u64) {
                Ok(0) | Err(_) => break,
                Ok(count) => read += count,
            }
        }
        bytes.chunks_exact(WORD.len()).filter(|word| **word == WORD).count()
    }
}

/// A block of a tag, filled.
fn filled(tag: &'static Tag, layout: Layout) -> *mut u8 {
    let _scope = tag.enter();
    // SAFETY: the layout has a size.
    let block = unsafe { alloc(layout) };
    assert!(!block.is_null());
    for index in 0..layout.size() / WORD.len() {
        // SAFETY: the place lies within the block.
        let place = unsafe { block.add(index * WORD.len()) };
        // SAFETY: as above, and bytes need no alignment.
        unsafe { place.cast::<[u8; 8]>().write(WORD) };
    }
    block
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

/// What is left of a block that is freed.
fn left_by_free(tag: &'static Tag, look: &mut Look, size: usize) -> usize {
    let block = filled(tag, layout(size));
    let address = block as usize;
    // SAFETY: the block has this layout.
    unsafe { dealloc(block, layout(size)) };
    look.words_in(address, size)
}

/// What is left where a block was, or its tail, that a realloc made another size;
/// and that what it keeps is there.
fn left_by_realloc(tag: &'static Tag, look: &mut Look, size: usize, new_size: usize) -> usize {
    let block = filled(tag, layout(size));
    let address = block as usize;
    // SAFETY: the block has this layout.
    let moved = unsafe { realloc(block, layout(size), new_size) };
    assert!(!moved.is_null());
    let left = if moved as usize != address {
        look.words_in(address, size)
    } else if new_size < size {
        let start = new_size.next_multiple_of(WORD.len());
        look.words_in(address + start, size - start)
    } else {
        0
    };
    let kept = size.min(new_size);
    assert_eq!(look.words_in(moved as usize, kept), kept / WORD.len());
    // SAFETY: the block has its new size.
    unsafe { dealloc(moved, layout(new_size)) };
    left
}

#[test]
fn nothing_is_left_of_a_block_that_is_freed_shrunk_or_moved() {
    let mut look = Look::new();
    for tag in [&PUBLIC, &SECRET] {
        for size in SIZES {
            assert_eq!(left_by_free(tag, &mut look, size), 0, "{} {size}", tag.name());
            for new_size in [size / 3, size * 5 / 2] {
                let left = left_by_realloc(tag, &mut look, size, new_size);
                assert_eq!(left, 0, "{} {size} to {new_size}", tag.name());
            }
        }
    }
}

#[test]
fn the_look_finds_what_is_spared() {
    let mut look = Look::new();
    // Larger ones go back to the system, and musl gives these back, too, where
    // they stand alone.
    let found = [100, 1_000, 4_096, 20_000]
        .into_iter()
        .filter(|&size| left_by_free(&SPARED, &mut look, size) > size / WORD.len() / 2);
    assert!(found.count() > 0);
}
