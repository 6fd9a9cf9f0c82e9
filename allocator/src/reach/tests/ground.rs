//! Blocks of a test, whose addresses stand nowhere in the clear but where the
//! test puts them.

use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use crate::limits::{REACH_SEARCH_NS, TRAILER_SIZE};
use crate::reach::{self, Block, Held, List, Scan};

/// A block, by the complement of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hidden(pub(super) usize);

impl Hidden {
    /// The address; for functions that are not inlined, and return.
    #[inline(always)]
    pub(super) fn address(self) -> usize {
        !self.0
    }

    /// So many bytes behind the address.
    pub(super) fn plus(self, bytes: usize) -> Self {
        Self(self.0.wrapping_sub(bytes))
    }
}

/// Memory that is mapped by others than scrubjay, in which a test's blocks
/// stand, 8 bytes and more between them.
pub(super) struct Ground {
    start: Hidden,
    size: usize,
    used: usize,
    blocks: List<Block>,
}

/// Where no system puts anything by itself. What stands in an ended thread's stack,
/// which the C library keeps, would hold blocks at addresses that were in use.
static UNUSED: AtomicUsize = AtomicUsize::new(1 << 44);

/// Maps memory as any program does, where none was before.
pub(super) fn map(size: usize) -> *mut u8 {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // Twice the size, so that no mapping begins where another one ends.
    let address = UNUSED.fetch_add(2 * size.next_multiple_of(1 << 21), Relaxed);
    let wish = core::ptr::without_provenance_mut(address);
    // SAFETY: the address is a wish, so nothing that exists is touched.
    let start = unsafe { libc::mmap(wish, size, access, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    start.cast()
}

impl Ground {
    #[inline(never)]
    pub(super) fn new(size: usize) -> Self {
        Self {
            start: Hidden(!map(size).expose_provenance()),
            size,
            // What ends where the mapping begins has no business with a block.
            used: 4096,
            blocks: List::new(1 << 21).unwrap(),
        }
    }

    /// A block of zeros, of which nothing is left below the caller's frame: later
    /// ones may lie there, and use it in part.
    #[inline(always)]
    pub(super) fn block(&mut self, size: usize) -> Hidden {
        let block = self.block_now(size);
        crate::stack::scrub_stack(usize::MAX);
        block
    }

    /// A block of zeros.
    #[inline(never)]
    pub(super) fn block_now(&mut self, size: usize) -> Hidden {
        let address = self.start.address() + self.used;
        self.used = (self.used + size + TRAILER_SIZE).next_multiple_of(16);
        assert!(self.used <= self.size);
        self.add(Hidden(!address), size)
    }

    /// A block that stands elsewhere.
    #[inline(never)]
    pub(super) fn add(&mut self, block: Hidden, size: usize) -> Hidden {
        let note = block.0 as u64;
        assert!(self.blocks.push(Block { address: block.address(), size, note, is_own: false }));
        block
    }

    /// Has a block hold a pointer to another one, or any other word.
    #[inline(never)]
    pub(super) fn point(&self, from: Hidden, offset: usize, to: Hidden, plus: usize) {
        write(from, offset, to, plus);
    }

    /// Scans, with nothing of what was done left below the caller's frame.
    #[inline(always)]
    pub(super) fn scan(&mut self) -> Found<'_> {
        crate::stack::scrub_stack(usize::MAX);
        self.scan_now()
    }

    #[inline(never)]
    pub(super) fn scan_now(&mut self) -> Found<'_> {
        let scan = reach::aside(|aside| aside.scan(&mut self.blocks, REACH_SEARCH_NS));
        let scan = scan.and_then(|scan| scan).unwrap();
        Found { scan, blocks: &self.blocks }
    }

    pub(super) fn blocks(&mut self) -> &mut List<Block> {
        &mut self.blocks
    }
}

/// Keeps the addresses: other tests' blocks there would be held by words that
/// this one has left anywhere.
impl Drop for Ground {
    #[inline(never)]
    fn drop(&mut self) {
        let start = core::ptr::with_exposed_provenance_mut(self.start.address());
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
        // SAFETY: the mapping is the test's, which has ended.
        unsafe { libc::mmap(start, self.size, libc::PROT_NONE, flags, -1, 0) };
    }
}

/// Stores a block's address, and so much more, at a place.
#[inline(never)]
pub(super) fn write(at: Hidden, offset: usize, to: Hidden, plus: usize) {
    let place = core::ptr::with_exposed_provenance_mut::<usize>(at.address() + offset);
    // SAFETY: the tests' places are theirs.
    unsafe { place.write_unaligned(to.address().wrapping_add(plus)) };
}

/// What a scan found.
pub(super) struct Found<'g> {
    pub(super) scan: Scan,
    blocks: &'g [Block],
}

impl Found<'_> {
    pub(super) fn number(&self, block: Hidden) -> u32 {
        let is_it = |found: &Block| found.note == block.0 as u64;
        self.blocks.iter().position(is_it).unwrap() as u32
    }

    /// How many blocks nothing reaches.
    pub(super) fn lost_count(&self) -> usize {
        let numbers = 0..self.blocks.len() as u32;
        numbers.filter(|&number| self.scan.root(number) == Held::Lost).count()
    }

    pub(super) fn held(&self, block: Hidden) -> Held {
        self.scan.held(self.number(block))
    }

    pub(super) fn root(&self, block: Hidden) -> Held {
        self.scan.root(self.number(block))
    }

    pub(super) fn by(&self, parent: Hidden) -> Held {
        Held::Block { parent: self.number(parent) }
    }

    pub(super) fn lost_by(&self, parent: Hidden) -> Held {
        Held::LostThrough { parent: self.number(parent) }
    }
}
