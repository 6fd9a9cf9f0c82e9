//! Counts are those of a naive map, and a block keeps its tag.
#![expect(unsafe_code, reason = "allocates, and hands blocks back")]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::sync::{Barrier, Mutex};
use std::thread;

use scrubjay::{Report, Scrubjay, Tag, TagStats};
use scrubjay_portable::random::Random;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

/// A block, by its address, so that threads may hand it on.
struct Block {
    address: usize,
    layout: Layout,
    tag: usize,
}

/// What a naive map says of a tag.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
struct Naive {
    allocated_bytes: u64,
    allocated_blocks: u64,
    freed_bytes: u64,
    freed_blocks: u64,
    realloc_count: u64,
}

impl Naive {
    fn of(stats: &TagStats) -> Self {
        Self {
            allocated_bytes: stats.allocated_bytes,
            allocated_blocks: stats.allocated_blocks,
            freed_bytes: stats.freed_bytes,
            freed_blocks: stats.freed_blocks,
            realloc_count: stats.realloc_in_place_count + stats.realloc_moved_count,
        }
    }

    fn add(&mut self, size: usize) {
        self.allocated_bytes += size as u64;
        self.allocated_blocks += 1;
    }

    fn remove(&mut self, size: usize) {
        self.freed_bytes += size as u64;
        self.freed_blocks += 1;
    }

    fn and(self, other: Self) -> Self {
        Self {
            allocated_bytes: self.allocated_bytes + other.allocated_bytes,
            allocated_blocks: self.allocated_blocks + other.allocated_blocks,
            freed_bytes: self.freed_bytes + other.freed_bytes,
            freed_blocks: self.freed_blocks + other.freed_blocks,
            realloc_count: self.realloc_count + other.realloc_count,
        }
    }
}

static TAGS: [Tag; 3] = [Tag::new("one"), Tag::new("two").wipe(false), Tag::new("three").secret()];

fn stats(name: &str) -> TagStats {
    Report::now().tag(name).cloned().expect("the tag was entered")
}

fn take(tag: &'static Tag, layout: Layout, zeroed: bool) -> usize {
    let _scope = tag.enter();
    // SAFETY: the layouts of these tests have a size.
    let block = if zeroed { unsafe { alloc_zeroed(layout) } } else { unsafe { alloc(layout) } };
    assert!(!block.is_null());
    block as usize
}

fn free(block: Block) {
    // SAFETY: whoever has the `Block` owns it, and its layout is the one it has.
    unsafe { dealloc(block.address as *mut u8, block.layout) };
}

/// Allocates, reallocates, releases and hands on; answers what it did.
fn churn(seed: u64, shared: &Mutex<Vec<Block>>) -> [Naive; 3] {
    let mut random = Random::new(seed);
    let mut naive = [Naive::default(); 3];
    let mut blocks: Vec<Block> = Vec::new();
    for _ in 0..20_000 {
        match random.below(5) {
            0 | 1 => {
                let tag = random.below(3);
                let layout = Layout::from_size_align(1 + random.below(3_000), 1 << random.below(7));
                let layout = layout.expect("a small power of two");
                let address = take(&TAGS[tag], layout, random.one_in(2));
                naive[tag].add(layout.size());
                blocks.push(Block { address, layout, tag });
            }
            2 if !blocks.is_empty() => {
                let index = random.below(blocks.len());
                let block = &mut blocks[index];
                let new_size = 1 + random.below(5_000);
                // SAFETY: the block is ours and has this layout.
                let moved = unsafe { realloc(block.address as *mut u8, block.layout, new_size) };
                assert!(!moved.is_null());
                naive[block.tag].remove(block.layout.size());
                naive[block.tag].add(new_size);
                naive[block.tag].realloc_count += 1;
                block.address = moved as usize;
                block.layout = Layout::from_size_align(new_size, block.layout.align()).unwrap();
            }
            3 if !blocks.is_empty() => {
                let block = blocks.swap_remove(random.below(blocks.len()));
                shared.lock().unwrap().push(block);
            }
            _ => {
                let theirs = shared.lock().unwrap().pop();
                if let Some(block) = theirs.or_else(|| blocks.pop()) {
                    naive[block.tag].remove(block.layout.size());
                    free(block);
                }
            }
        }
    }
    for block in blocks.into_iter().skip(10) {
        naive[block.tag].remove(block.layout.size());
        free(block);
    }
    naive
}

#[test]
fn each_tags_counts_are_those_of_a_naive_map_under_threads() {
    let shared = Mutex::new(Vec::new());
    let parts: Vec<[Naive; 3]> = thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|seed| {
                scope.spawn({
                    let shared = &shared;
                    move || churn(seed, shared)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (index, tag) in TAGS.iter().enumerate() {
        let naive = parts.iter().fold(Naive::default(), |sum, part| sum.and(part[index]));
        let stats = stats(tag.name());
        assert_eq!(Naive::of(&stats), naive, "{}", tag.name());
        assert!(naive.realloc_count > 1_000 && naive.freed_blocks < naive.allocated_blocks);
        assert_eq!(stats.live_bytes, naive.allocated_bytes - naive.freed_bytes);
        assert_eq!(stats.live_blocks, naive.allocated_blocks - naive.freed_blocks);
        let TagStats { wiped_bytes, returned_bytes, carried_bytes, unwiped_bytes, .. } = stats;
        let gone = wiped_bytes + returned_bytes + carried_bytes + unwiped_bytes;
        assert_eq!(gone, naive.freed_bytes, "{}", tag.name());
        assert_eq!(unwiped_bytes > 0, tag.name() == "two");
    }
}

#[test]
fn a_peak_is_the_greatest_live_figure_of_a_naive_map() {
    static PEAK: Tag = Tag::new("peak");
    let mut random = Random::new(7);
    let (mut live, mut most) = (0, 0);
    let mut blocks = Vec::new();
    for _ in 0..5_000 {
        if random.one_in(2) || blocks.is_empty() {
            let layout = Layout::from_size_align(1 + random.below(9_000), 8).unwrap();
            let address = take(&PEAK, layout, false);
            live += layout.size() as u64;
            most = most.max(live);
            blocks.push(Block { address, layout, tag: 0 });
        } else {
            let block = blocks.swap_remove(random.below(blocks.len()));
            live -= block.layout.size() as u64;
            free(block);
        }
    }
    let (peak, bound) = (stats("peak").peak_bytes, Report::now().peak_bound_bytes);
    assert!(most > 100_000);
    assert!(peak.abs_diff(most) <= bound, "{peak} {most} {bound}");
    blocks.into_iter().for_each(free);
}

#[test]
fn a_peak_that_threads_make_together_is_seen() {
    static TOGETHER: Tag = Tag::new("together");
    const SIZE: usize = 1 << 20;
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let layout = Layout::from_size_align(SIZE, 8).unwrap();
                    let address = take(&TOGETHER, layout, false);
                    // All have theirs, then all give it back.
                    barrier.wait();
                    free(Block { address, layout, tag: 0 });
                    barrier.wait();
                }
            });
        }
    });
    let bound = Report::now().peak_bound_bytes;
    let peak = stats("together").peak_bytes;
    assert!(peak.abs_diff(4 * SIZE as u64) <= bound, "{peak} {bound}");
}

#[test]
fn a_block_keeps_its_tag_through_realloc_and_another_threads_free() {
    static BORN: Tag = Tag::new("born");
    static LATER: Tag = Tag::new("later");
    let layout = Layout::from_size_align(100, 8).unwrap();
    let address = take(&BORN, layout, false);
    let grown = {
        let _scope = LATER.enter();
        // SAFETY: the block is ours and has this layout.
        unsafe { realloc(address as *mut u8, layout, 100_000) as usize }
    };
    assert_eq!((stats("born").live_bytes, stats("born").live_blocks), (100_000, 1));
    let layout = Layout::from_size_align(100_000, 8).unwrap();
    let block = Block { address: grown, layout, tag: 0 };
    thread::spawn(move || {
        let _scope = LATER.enter();
        free(block);
    })
    .join()
    .unwrap();
    let born = stats("born");
    assert_eq!((born.live_bytes, born.freed_bytes, born.freed_blocks), (0, 100_100, 2));
    assert_eq!((stats("later").allocated_blocks, stats("later").freed_blocks), (0, 0));
}
