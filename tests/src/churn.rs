//! A workload: random allocations, reallocs and frees from several threads,
//! which also free what others allocated. Checks every block's content.
#![expect(unsafe_code, reason = "calls the global allocator by hand")]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::sync::Mutex;
use std::thread;

use crate::inner;
use crate::random::Random;
use crate::tags;
use crate::watch::TAG_COUNT;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Churn {
    /// The seed of all of it.
    pub seed: u64,
    /// How many threads.
    pub threads: usize,
    /// How many steps each.
    pub steps: usize,
    /// Of so many requests the inner allocator refuses one, where it can be
    /// told to; 0 for none.
    pub refused_one_in: u64,
    /// The greatest size of a block.
    pub largest: usize,
}

/// From this size on scrubjay maps blocks itself.
pub const LARGE: usize = 32 << 20;

/// A size that no allocator has.
const TOO_MUCH: usize = 1 << 60;
/// Blocks that a thread holds at most.
const HELD_MAX: usize = 500;

/// A block with known bytes at its ends.
pub struct Block {
    address: usize,
    layout: Layout,
    mark: u8,
}

impl Block {
    /// Allocates by hand; `None` where it is refused.
    pub fn new(layout: Layout, zeroed: bool, mark: u8) -> Option<Self> {
        let place = if zeroed {
            // SAFETY: every layout of this module has a size.
            unsafe { alloc_zeroed(layout) }
        } else {
            // SAFETY: as above.
            unsafe { alloc(layout) }
        };
        if place.is_null() {
            return None;
        }
        assert_eq!(place as usize % layout.align(), 0, "{layout:?}");
        let block = Self { address: place as usize, layout, mark };
        if zeroed {
            let bytes = block.bytes();
            assert!(is_all(bytes, 0), "{layout:?} is not zeroed");
        }
        block.bytes().fill(mark);
        Some(block)
    }

    #[expect(clippy::mut_from_ref, reason = "whoever has the block has its bytes")]
    fn bytes(&self) -> &mut [u8] {
        // SAFETY: the block is live, of this size, and this value's alone.
        unsafe { std::slice::from_raw_parts_mut(self.address as *mut u8, self.layout.size()) }
    }

    fn check(&self, size: usize) {
        let bytes = &self.bytes()[..size];
        assert!(is_all(bytes, self.mark), "{:?} was changed", self.layout);
    }

    /// Reallocates; false where it is refused, and nothing has changed.
    pub fn resize(&mut self, size: usize) -> bool {
        let kept = self.layout.size().min(size);
        // SAFETY: the block is live, of this layout, and the size is not 0.
        let place = unsafe { realloc(self.address as *mut u8, self.layout, size) };
        if place.is_null() {
            self.check(self.layout.size());
            return false;
        }
        self.address = place as usize;
        let layout = Layout::from_size_align(size, self.layout.align());
        self.layout = layout.expect("the allocator has taken it");
        self.check(kept);
        self.bytes().fill(self.mark);
        true
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.check(self.layout.size());
        // SAFETY: the block is live and of this layout.
        unsafe { dealloc(self.address as *mut u8, self.layout) };
    }
}

/// Whether all bytes have a value. Compares whole pieces: fast without the
/// optimiser, too.
fn is_all(bytes: &[u8], value: u8) -> bool {
    let piece = [value; 1024];
    bytes.chunks(piece.len()).all(|bytes| bytes == &piece[..bytes.len()])
}

fn size(random: &mut Random) -> usize {
    match random.below(2_000) {
        0..1_400 => 1 + random.below(256),
        1_400..1_800 => 1 + random.below(4 << 10),
        1_800..1_985 => 1 + random.below(64 << 10),
        1_985..1_999 => 1 + random.below(4 << 20),
        _ => LARGE + random.below(1 << 20),
    }
}

fn alignment(random: &mut Random) -> usize {
    match random.below(100) {
        0..80 => 1 << random.below(5),
        80..99 => 1 << random.below(13),
        _ => 64 << 10,
    }
}

impl Churn {
    /// Runs it; what is left at the end stays live and is the answer.
    pub fn run(self) -> Vec<Block> {
        let mailboxes: Vec<Mutex<Vec<Block>>> =
            (0..self.threads).map(|_| Mutex::new(Vec::new())).collect();
        let mut left = Vec::new();
        if self.threads == 1 {
            left = self.work(0, &mailboxes);
        } else {
            thread::scope(|scope| {
                let workers: Vec<_> = (0..self.threads)
                    .map(|number| {
                        scope.spawn({
                            let boxes = &mailboxes;
                            move || self.work(number, boxes)
                        })
                    })
                    .collect();
                for worker in workers {
                    left.extend(worker.join().expect("a worker does not panic"));
                }
            });
        }
        for mailbox in mailboxes {
            left.extend(mailbox.into_inner().expect("no worker panics"));
        }
        left
    }

    fn size(self, random: &mut Random) -> usize {
        size(random).min(self.largest)
    }

    fn work(self, number: usize, mailboxes: &[Mutex<Vec<Block>>]) -> Vec<Block> {
        let mut random = Random::new(self.seed ^ (number as u64) << 32);
        let mut held: Vec<Block> = Vec::new();
        for _ in 0..self.steps {
            let _scope = tags::enter(random.below(TAG_COUNT));
            match random.below(100) {
                _ if held.len() > HELD_MAX => drop(held.swap_remove(random.below(HELD_MAX))),
                0..40 => {
                    let layout =
                        Layout::from_size_align(self.size(&mut random), alignment(&mut random));
                    let mark = random.next_word() as u8;
                    let zeroed = random.one_in(4);
                    let layout = layout.expect("a small layout");
                    let block = inner::refusing_one_in(self.refused_one_in, || {
                        Block::new(layout, zeroed, mark)
                    });
                    held.extend(block);
                }
                40..60 if !held.is_empty() => {
                    let block = random.below(held.len());
                    let size = if random.one_in(50) { TOO_MUCH } else { self.size(&mut random) };
                    inner::refusing_one_in(self.refused_one_in, || held[block].resize(size));
                }
                60..85 if !held.is_empty() => drop(held.swap_remove(random.below(held.len()))),
                85..92 if !held.is_empty() => {
                    let to = random.below(mailboxes.len());
                    let block = held.swap_remove(random.below(held.len()));
                    mailboxes[to].lock().expect("no worker panics").push(block);
                }
                92..98 => {
                    let received =
                        std::mem::take(&mut *mailboxes[number].lock().expect("no worker panics"));
                    drop(received);
                }
                98 => {
                    let layout = Layout::from_size_align(TOO_MUCH, 1).expect("a layout");
                    assert!(Block::new(layout, random.one_in(2), 0).is_none());
                }
                _ => empty_collections(),
            }
        }
        held
    }
}

/// Sizes of zero, as Rust has them: none of these reaches the allocator but
/// the last, which shrinks to nothing and so frees.
fn empty_collections() {
    let units: Vec<()> = vec![(); 1000];
    let none: Vec<u64> = Vec::new();
    let boxed: Box<[u64]> = Box::new([]);
    let mut emptied = vec![1_u8, 2, 3];
    emptied.clear();
    emptied.shrink_to_fit();
    std::hint::black_box((units, none, boxed, emptied));
}
