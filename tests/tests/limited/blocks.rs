//! Blocks by hand, counted apart by their alignment; a refusal is `None`.
#![expect(unsafe_code, reason = "calls the global allocator by hand")]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};

use scrubjay_tests::counting::MARK;
use scrubjay_tests::random::Random;

/// A block with a known first and last byte.
pub struct Block {
    address: usize,
    layout: Layout,
    mark: u8,
}

impl Block {
    /// Allocates under the thread's tag.
    pub fn new(size: usize, mark: u8) -> Option<Self> {
        let layout = Layout::from_size_align(size, MARK).expect("sizes of tests are small");
        let place = if mark.is_multiple_of(2) {
            // SAFETY: no test asks for nothing.
            unsafe { alloc(layout) }
        } else {
            // SAFETY: as above.
            unsafe { alloc_zeroed(layout) }
        };
        (!place.is_null()).then(|| Self { address: place as usize, layout, mark }.marked())
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.layout.size()
    }

    /// Whether it got another size.
    pub fn resize(&mut self, size: usize) -> bool {
        let place = self.address as *mut u8;
        let first = self.byte(0);
        // SAFETY: the block is live and has this layout; the size is not 0.
        let moved = unsafe { realloc(place, self.layout, size) };
        if moved.is_null() {
            assert_eq!(self.byte(0), first, "a refused realloc changed the block");
            self.check();
            return false;
        }
        self.address = moved as usize;
        self.layout = Layout::from_size_align(size, MARK).expect("sizes of tests are small");
        assert_eq!(self.byte(0), first, "a realloc lost the content");
        self.write_marks();
        true
    }

    fn byte(&self, index: usize) -> u8 {
        let place = (self.address + index) as *const u8;
        // SAFETY: the block is live and has this byte.
        unsafe { place.read() }
    }

    fn marked(self) -> Self {
        self.write_marks();
        self
    }

    fn write_marks(&self) {
        for index in [0, self.size() - 1] {
            let place = (self.address + index) as *mut u8;
            // SAFETY: as above, and nobody else has the block.
            unsafe { place.write(self.mark) };
        }
    }

    fn check(&self) {
        assert_eq!([self.byte(0), self.byte(self.size() - 1)], [self.mark; 2]);
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.check();
        // SAFETY: the block is live, and this was its last use.
        unsafe { dealloc(self.address as *mut u8, self.layout) };
    }
}

/// A size from 1 byte to `largest`, small ones as often as large ones.
pub fn size(random: &mut Random, largest: usize) -> usize {
    let bits = random.below(largest.ilog2() as usize + 1);
    1 + random.below(1 << bits)
}

/// Has a block get another size or go, or a new one come. Answers whether something
/// was refused.
pub fn step(blocks: &mut Vec<Block>, random: &mut Random, largest: usize) -> bool {
    match random.below(8) {
        0..=2 if !blocks.is_empty() => {
            blocks.swap_remove(random.below(blocks.len()));
            false
        }
        3 if !blocks.is_empty() => {
            let index = random.below(blocks.len());
            !blocks[index].resize(size(random, largest))
        }
        _ => {
            let made = Block::new(size(random, largest), random.next_word() as u8);
            let is_refused = made.is_none();
            blocks.extend(made);
            is_refused
        }
    }
}
