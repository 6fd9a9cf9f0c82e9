//! The counters of one thread slot and tag, and the page that holds those of
//! one group of tags.
//!
//! Written by the slot's thread alone (those of the orphan slot by atomic
//! read-modify-write). They never go back: live figures and sums are derived
//! by readers. Two equations hold once nothing is in flight, over all slots:
//!
//! ```text
//! allocated = live + freed
//! freed     = wiped + returned + carried + unwiped
//! ```

use crate::bytes::{u32_at, u64_at, words};
use crate::{GROUP_COUNT_MAX, TAGS_PER_GROUP};

/// How many words a cell has.
pub const WORD_COUNT: usize = 24;
/// Size of a cell in bytes: three cache lines, of which the first is hot.
pub const SIZE: usize = WORD_COUNT * 8;

/// Bytes allocated.
pub const ALLOCATED_BYTES: usize = 0;
/// Bytes freed.
pub const FREED_BYTES: usize = 1;
/// Blocks allocated; a successful realloc is one more.
pub const ALLOCATED_BLOCKS: usize = 2;
/// Blocks freed; a successful realloc is one more.
pub const FREED_BLOCKS: usize = 3;
/// Bytes overwritten before release.
pub const WIPED_BYTES: usize = 4;
/// Greatest `allocated - freed` since it was last published (signed).
pub const HIGH: usize = 5;
/// Publish once `allocated - freed` falls below this (signed).
pub const LOW: usize = 6;
/// `allocated - freed` when it was last published (signed).
pub const PUBLISHED: usize = 7;
/// Reallocs that kept the address.
pub const REALLOC_IN_PLACE: usize = 8;
/// Reallocs that moved.
pub const REALLOC_MOVED: usize = 9;
/// Bytes that reallocs copied.
pub const COPIED_BYTES: usize = 10;
/// Allocations and reallocs that the inner allocator refused.
pub const FAILED_COUNT: usize = 11;
/// Bytes that they asked for, of one at most what an event can say (48 bits).
pub const FAILED_BYTES: usize = 12;
/// Bytes that reallocs freed and that stayed in use: kept in place or moved
/// with their pages.
pub const CARRIED_BYTES: usize = 13;
/// Bytes released as whole pages to the kernel, which blanks them.
pub const RETURNED_BYTES: usize = 14;
/// Bytes released as they were, because policy or tag said so.
pub const UNWIPED_BYTES: usize = 15;
/// Allocations that the journal had no room for: blocks.
pub const DROPPED_ALLOCATED_BLOCKS: usize = 16;
/// And their bytes.
pub const DROPPED_ALLOCATED_BYTES: usize = 17;
/// Frees that the journal had no room for: blocks.
pub const DROPPED_FREED_BLOCKS: usize = 18;
/// And their bytes.
pub const DROPPED_FREED_BYTES: usize = 19;
/// Failures that the journal had no room for.
pub const DROPPED_FAILED_COUNT: usize = 20;

/// Names of the words, for listings.
pub const NAMES: [&str; WORD_COUNT] = [
    "allocated_bytes",
    "freed_bytes",
    "allocated_blocks",
    "freed_blocks",
    "wiped_bytes",
    "high",
    "low",
    "published",
    "realloc_in_place",
    "realloc_moved",
    "copied_bytes",
    "failed_count",
    "failed_bytes",
    "carried_bytes",
    "returned_bytes",
    "unwiped_bytes",
    "dropped_allocated_blocks",
    "dropped_allocated_bytes",
    "dropped_freed_blocks",
    "dropped_freed_bytes",
    "dropped_failed_count",
    "reserved_21",
    "reserved_22",
    "reserved_23",
];

/// Size of a page's header in bytes.
pub const PAGE_HEADER_SIZE: usize = 64;
/// Size of a page in bytes: its header and a cell for each tag of the group.
pub const PAGE_SIZE: usize = PAGE_HEADER_SIZE + TAGS_PER_GROUP as usize * SIZE;

/// Where a page's cells belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageOwner {
    /// The thread slot.
    pub slot: u32,
    /// The group of tags.
    pub group: u32,
}

impl PageOwner {
    /// The page's first word, stored once its cells are in order.
    pub fn encode(self) -> u64 {
        u64::from(self.slot) | u64::from(self.group + 1) << 32
    }

    /// Reads the first word of a page; `None` where nobody has it, or where
    /// the word has no meaning.
    pub fn decode(page: &[u8]) -> Option<Self> {
        let slot = u32_at(page, 0)?;
        let group = u32_at(page, 4)?.checked_sub(1)?;
        (group < GROUP_COUNT_MAX).then_some(Self { slot, group })
    }
}

/// A page's cells in the order of their tags; fewer where the bytes end.
pub fn decode_cells(page: &[u8]) -> impl Iterator<Item = [u64; WORD_COUNT]> + '_ {
    page.get(PAGE_HEADER_SIZE..)
        .unwrap_or(&[])
        .chunks_exact(SIZE)
        .take(TAGS_PER_GROUP as usize)
        .filter_map(words)
}

/// The first word of a page as stored.
pub fn owner_word(page: &[u8]) -> Option<u64> {
    u64_at(page, 0)
}
