//! Which block an address lies in.
//!
//! Blocks lie in clusters: heaps, arenas, single large ones. A cluster is cut
//! into equal buckets, about two for each of its blocks, and a bucket knows the
//! last block that begins before it: two loads in place of most of the steps of
//! a binary search.

use super::block::Block;
use super::pages::{List, Pages, Plain};
use crate::limits::TRAILER_SIZE;

/// A gap of more bytes than this ends a cluster.
const GAP_MAX: usize = 64 << 10;
/// A block of more bytes than this is a cluster of its own.
const ALONE_MIN: usize = 1 << 20;
/// Buckets have 2 to the power of this bytes at least.
const SHIFT_MIN: u32 = 4;
/// Addresses are multiples of this, so a pointer has room for a mark.
const WORD: usize = size_of::<usize>();

#[derive(Clone, Copy)]
struct Cluster {
    start: usize,
    /// The address behind its last block, which still counts as that block's.
    end: usize,
    /// Its first bucket.
    bucket: u32,
    shift: u32,
    /// Its first block.
    block: u32,
    block_count: u32,
}

// SAFETY: it is made of integers, for which zeros are values.
unsafe impl Plain for Cluster {}

/// Blocks by address.
pub(super) struct Index<'b> {
    blocks: &'b [Block],
    clusters: List<Cluster>,
    /// The last block that begins at a bucket's start or before.
    buckets: Pages<u32>,
    filter: Filter,
}

/// Says quickly of most words that they point to no block.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    low: usize,
    span: usize,
}

impl Filter {
    /// Whether a word may point to a block.
    #[inline(always)]
    pub(super) fn may_hold(self, word: usize) -> bool {
        word.wrapping_sub(self.low) <= self.span
    }
}

impl<'b> Index<'b> {
    /// Of blocks that are sorted by address. `None` where there is no memory.
    pub(super) fn new(blocks: &'b [Block]) -> Option<Self> {
        let mut count = 0;
        each_cluster(blocks, |_, _| count += 1);
        let mut clusters = List::new(count)?;
        let mut bucket_count = 0;
        each_cluster(blocks, |first, members| {
            let cluster = Cluster::new(first, members, bucket_count);
            bucket_count += cluster.bucket_count() as u32 + 1;
            clusters.push(cluster);
        });
        let mut buckets = Pages::new(bucket_count as usize)?;
        buckets.populate(bucket_count as usize);
        for cluster in clusters.iter() {
            cluster.fill(blocks, &mut buckets);
        }
        let low = blocks.first().map_or(usize::MAX, |block| block.address);
        let high = blocks.last().map_or(low, Block::end);
        // A mark counts as an address behind the end.
        let span = if blocks.is_empty() { 0 } else { high - low + WORD - 1 };
        Some(Self { blocks, clusters, buckets, filter: Filter { low, span } })
    }

    pub(super) fn blocks(&self) -> &'b [Block] {
        self.blocks
    }

    pub(super) fn filter(&self) -> Filter {
        self.filter
    }

    /// The block that a word points to, with marks in its lowest three bits or
    /// without; the address behind a block only where that counts.
    pub(super) fn find(&self, word: usize, end_counts: bool) -> Option<u32> {
        let plain = word & !(WORD - 1);
        let found = self.at(plain, end_counts);
        if found.is_none() && word != plain { self.at(word, end_counts) } else { found }
    }

    /// The first of the blocks that a word may point to, for
    /// [`Index::find_from`]: what takes loads from memory is done in two steps.
    #[inline(always)]
    pub(super) fn bucket(&self, word: usize) -> Option<u32> {
        let address = word & !(WORD - 1);
        let cluster = self.cluster(address)?;
        self.buckets.get(cluster.bucket_at(address)).copied()
    }

    /// As [`Index::find`], from what [`Index::bucket`] said.
    #[inline(always)]
    pub(super) fn find_from(
        &self,
        from: Option<u32>,
        word: usize,
        end_counts: bool,
    ) -> Option<u32> {
        let plain = word & !(WORD - 1);
        let near = || {
            let first = from?;
            // Mostly it is this one or the next: that takes one line of memory.
            let [block, next] = self.blocks.get(first as usize..)?.first_chunk::<2>()?;
            (plain < next.address).then(|| block.holds(plain, end_counts).then_some(first))
        };
        match near() {
            Some(Some(block)) => Some(block),
            _ => self.find(word, end_counts),
        }
    }

    #[inline(always)]
    fn cluster(&self, address: usize) -> Option<&Cluster> {
        let behind = self.clusters.partition_point(|cluster| cluster.start <= address);
        self.clusters.get(behind.checked_sub(1)?).filter(|cluster| address <= cluster.end)
    }

    fn at(&self, address: usize, end_counts: bool) -> Option<u32> {
        let bucket = self.cluster(address)?.bucket_at(address);
        let &[first, last] = self.buckets.get(bucket..)?.first_chunk::<2>()?;
        let candidates = self.blocks.get(first as usize..=last as usize)?;
        let found = candidates.partition_point(|block| block.address <= address).checked_sub(1)?;
        let holds = candidates.get(found)?.holds(address, end_counts);
        holds.then_some(first + found as u32)
    }

    /// The first block that ends, trailer and all, behind an address.
    pub(super) fn first_behind(&self, address: usize) -> usize {
        self.blocks.partition_point(|block| block.end() + TRAILER_SIZE <= address)
    }

    /// Whether a block begins in a range.
    pub(super) fn has_block_in(&self, start: usize, end: usize) -> bool {
        let first = self.blocks.partition_point(|block| block.address < start);
        self.blocks.get(first).is_some_and(|block| block.address < end)
    }
}

/// Hands out clusters: the number of the first block, and all of them.
fn each_cluster(blocks: &[Block], mut see: impl FnMut(usize, &[Block])) {
    let mut first = 0;
    let is_together = |a: &Block, b: &Block| {
        b.address.saturating_sub(a.end()) <= GAP_MAX && a.size <= ALONE_MIN && b.size <= ALONE_MIN
    };
    for members in blocks.chunk_by(is_together) {
        see(first, members);
        first += members.len();
    }
}

impl Cluster {
    fn new(first: usize, members: &[Block], bucket: u32) -> Self {
        let start = members.first().map_or(0, |block| block.address);
        let end = members.last().map_or(start, Block::end);
        let mut shift = SHIFT_MIN;
        while (end - start) >> shift >= 2 * members.len() {
            shift += 1;
        }
        let (block, block_count) = (first as u32, members.len() as u32);
        Self { start, end, bucket, shift, block, block_count }
    }

    /// The bucket of an address in it.
    #[inline(always)]
    fn bucket_at(&self, address: usize) -> usize {
        self.bucket as usize + ((address - self.start) >> self.shift)
    }

    fn bucket_count(&self) -> usize {
        ((self.end - self.start) >> self.shift) + 1
    }

    /// Fills its buckets, and the one behind them with its last block.
    fn fill(&self, blocks: &[Block], buckets: &mut [u32]) {
        let first = self.bucket as usize;
        let count = self.bucket_count();
        let last = self.block + self.block_count - 1;
        let mut block = self.block;
        let places = buckets.get_mut(first..=first + count).unwrap_or(&mut []);
        for (number, place) in places.iter_mut().enumerate() {
            let start = self.start + (number << self.shift);
            while block < last
                && blocks.get(block as usize + 1).is_some_and(|next| next.address <= start)
            {
                block += 1;
            }
            *place = if number == count { last } else { block };
        }
    }
}
