//! Sites: where memory came from. A declaration (static, with a checksum), the
//! counters that all threads share, and each thread's cache in front of them.
//!
//! Below [`FIRST`] a site's index is the tag's whose stackless site it is: that
//! one has no declaration, and its tag's cells count for it.

use crate::bytes::{put, u8_at, u32_at, u64_at, words};
use crate::{FormatError, TAG_COUNT_MAX, stack};

/// The first site that has a stack or an owner.
pub const FIRST: u32 = TAG_COUNT_MAX;
/// Most sites that a log can hold, the stackless ones included.
pub const COUNT_MAX: u32 = 1 << 20;

/// Size of a declaration in bytes. Record *i* declares site [`FIRST`] + *i*.
pub const DECLARATION_SIZE: usize = 32;
const CHECKSUM_AT: usize = DECLARATION_SIZE - 4;

/// The stack is longer than the log's limit; its outermost frames are not there.
pub const FLAG_TRUNCATED: u8 = 1;
/// Nobody could tell who called the stack's outermost frame.
pub const FLAG_LOST: u8 = 1 << 1;
/// Its blocks are a sample: each stands for others.
pub const FLAG_SAMPLED: u8 = 1 << 2;

/// What a log says about a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteDeclaration {
    /// The site's index, [`FIRST`] or above.
    pub index: u32,
    /// Its tag.
    pub tag: u32,
    /// The node of its stack's innermost frame; 0 where it has no stack.
    pub stack: u32,
    /// Its owner; 0 none.
    pub owner: u32,
    /// How many owners had the index before.
    pub generation: u32,
    /// `FLAG_` bits.
    pub flags: u8,
}

impl SiteDeclaration {
    /// The declaration's bytes.
    pub fn encode(&self) -> [u8; DECLARATION_SIZE] {
        let mut bytes = [0; DECLARATION_SIZE];
        let fields = [self.index, self.tag, self.stack, self.owner, self.generation];
        for (index, field) in fields.into_iter().enumerate() {
            put(&mut bytes, index * 4, &field.to_le_bytes());
        }
        bytes[20] = self.flags;
        let checksum = crc32fast::hash(&bytes[..CHECKSUM_AT]);
        put(&mut bytes, CHECKSUM_AT, &checksum.to_le_bytes());
        bytes
    }

    /// Reads a declaration; `Ok(None)` where none was made (its first word is
    /// stored last).
    ///
    /// # Errors
    /// A record that is neither empty nor whole.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, FormatError> {
        let truncated = FormatError::Truncated { needed: DECLARATION_SIZE, found: bytes.len() };
        let bytes = bytes.get(..DECLARATION_SIZE).ok_or(truncated)?;
        let u32 = |at| u32_at(bytes, at).ok_or(truncated);
        if u32(0)? == 0 {
            return Ok(None);
        }
        let (stored, computed) = (u32(CHECKSUM_AT)?, crc32fast::hash(&bytes[..CHECKSUM_AT]));
        if stored != computed {
            return Err(FormatError::Checksum { stored, computed });
        }
        let (index, tag, stack) = (u32(0)?, u32(4)?, u32(8)?);
        if !(FIRST..COUNT_MAX).contains(&index) {
            return Err(FormatError::Limit { field: "site", value: index.into() });
        }
        if tag >= TAG_COUNT_MAX {
            return Err(FormatError::Limit { field: "tag index", value: tag.into() });
        }
        if stack >= stack::NODE_COUNT_MAX {
            return Err(FormatError::Limit { field: "stack", value: stack.into() });
        }
        let flags = u8_at(bytes, 20).ok_or(truncated)?;
        Ok(Some(Self { index, tag, stack, owner: u32(12)?, generation: u32(16)?, flags }))
    }

    /// Whether a `FLAG_` bit is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Words of a site's counters. Record *i* is of site [`FIRST`] + *i*.
pub const COUNTER_COUNT: usize = 16;
/// Size of a site's counters in bytes.
pub const COUNTERS_SIZE: usize = COUNTER_COUNT * 8;

/// Bytes that were allocated; of a sample, those of its own blocks.
pub const ALLOCATED_BYTES: usize = 0;
/// Blocks that were allocated.
pub const ALLOCATED_BLOCKS: usize = 1;
/// Bytes that were freed.
pub const FREED_BYTES: usize = 2;
/// Blocks that were freed.
pub const FREED_BLOCKS: usize = 3;
/// Bytes that a fork inherited.
pub const INHERITED_BYTES: usize = 4;
/// Blocks that a fork inherited.
pub const INHERITED_BLOCKS: usize = 5;
/// A sample's allocated bytes, each block's divided by the chance that it had
/// to be in the sample.
pub const ESTIMATED_ALLOCATED_BYTES: usize = 8;
/// Likewise the blocks, in [`BLOCK_UNITS`].
pub const ESTIMATED_ALLOCATED_BLOCKS: usize = 9;
/// Likewise the freed bytes.
pub const ESTIMATED_FREED_BYTES: usize = 10;
/// Likewise the freed blocks, in [`BLOCK_UNITS`].
pub const ESTIMATED_FREED_BLOCKS: usize = 11;
/// The variance of [`ESTIMATED_ALLOCATED_BYTES`], in [`VARIANCE_UNITS`] of the
/// interval's square.
pub const VARIANCE_ALLOCATED_BYTES: usize = 12;
/// Likewise of the freed ones.
pub const VARIANCE_FREED_BYTES: usize = 13;
/// The variance of the estimated allocated blocks, in blocks squared.
pub const VARIANCE_ALLOCATED_BLOCKS: usize = 14;
/// Likewise of the freed ones.
pub const VARIANCE_FREED_BLOCKS: usize = 15;

/// How many parts of a block the estimated blocks are counted in.
pub const BLOCK_UNITS: u64 = 256;
/// How many parts of the interval's square variances of bytes are counted in.
pub const VARIANCE_UNITS: u64 = 1 << 20;

/// Names of the counters, for listings.
pub const COUNTER_NAMES: [&str; COUNTER_COUNT] = [
    "allocated_bytes",
    "allocated_blocks",
    "freed_bytes",
    "freed_blocks",
    "inherited_bytes",
    "inherited_blocks",
    "reserved_6",
    "reserved_7",
    "estimated_allocated_bytes",
    "estimated_allocated_blocks",
    "estimated_freed_bytes",
    "estimated_freed_blocks",
    "variance_allocated_bytes",
    "variance_freed_bytes",
    "variance_allocated_blocks",
    "variance_freed_blocks",
];

/// What one block of a sample stands for. Its chance to be sampled is
/// 1 − exp(−size ÷ interval): a Poisson process along the allocated bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Its bytes, divided by the chance.
    pub bytes: u64,
    /// One block, divided by the chance, in [`BLOCK_UNITS`].
    pub blocks: u64,
    /// What it adds to the variance of the bytes: size² × (1 − chance) ÷
    /// chance², in [`VARIANCE_UNITS`] of the interval's square.
    pub variance_bytes: u64,
    /// What it adds to the variance of the blocks: (1 − chance) ÷ chance².
    pub variance_blocks: u64,
}

impl Weight {
    /// The weight of a block of `size` bytes, at a mean of one sample every
    /// `interval` bytes. The same for the same two: what a free takes away is
    /// what its allocation added.
    pub fn of(size: u64, interval: u64) -> Self {
        let interval = interval.max(1) as f64;
        // An empty block is as one of a byte.
        let counted = size.max(1) as f64;
        let chance = -(-counted / interval).exp_m1();
        let spread = (1.0 - chance) / (chance * chance);
        let relative = counted / interval;
        Self {
            bytes: (size as f64 / chance).round() as u64,
            blocks: (BLOCK_UNITS as f64 / chance).round() as u64,
            variance_bytes: (VARIANCE_UNITS as f64 * relative * relative * spread).round() as u64,
            variance_blocks: spread.round() as u64,
        }
    }
}

/// Entries of a page of a thread's cache.
pub const CACHE_PAGE_ENTRIES: usize = 64;
/// Pages that a slot's cache has at most; site *s* is at entry *s* mod 256.
pub const CACHE_PAGES: u32 = 4;
/// Words of an entry: the site, then the first four counters of
/// [`COUNTER_NAMES`].
pub const CACHE_ENTRY_WORDS: usize = 5;
/// Size of a page's header in bytes: the slot's index, then the page's number
/// among the slot's plus 1.
pub const CACHE_HEADER_SIZE: usize = 64;
/// Size of a page in bytes.
pub const CACHE_PAGE_SIZE: usize = CACHE_HEADER_SIZE + CACHE_PAGE_ENTRIES * CACHE_ENTRY_WORDS * 8;

/// Whose a page of a cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePageOwner {
    /// The thread slot.
    pub slot: u32,
    /// Which of its pages.
    pub page: u32,
}

impl CachePageOwner {
    /// The first word of a page.
    pub fn encode(&self) -> u64 {
        u64::from(self.slot) | u64::from(self.page + 1) << 32
    }

    /// Reads a page's header; `None` where nobody has it.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let page = u32_at(bytes, 4)?.checked_sub(1)?;
        Some(Self { slot: u32_at(bytes, 0)?, page })
    }
}

/// What a thread has counted and not yet added to its site's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachedSite {
    /// The site.
    pub site: u32,
    /// Which counter is being moved to the site's; those before it have been,
    /// and it may be counted there already. `None` outside a move.
    pub moving: Option<u32>,
    /// The first four counters of [`COUNTER_NAMES`].
    pub counters: [u64; 4],
}

impl CachedSite {
    /// The first word of an entry.
    pub fn encode_head(site: u32, moving: Option<u32>) -> u64 {
        u64::from(site) | u64::from(moving.map_or(0, |counter| counter + 1)) << 32
    }

    /// Reads an entry; `None` where it is not used.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [head, counters @ ..]: [u64; CACHE_ENTRY_WORDS] = words(bytes)?;
        let moving = (head >> 32) as u32;
        let site = head as u32;
        (site != 0).then_some(Self { site, moving: moving.checked_sub(1), counters })
    }
}

/// The entries of a page that are used.
pub fn decode_cache_page(page: &[u8]) -> impl Iterator<Item = CachedSite> {
    let entries = page.get(CACHE_HEADER_SIZE..CACHE_PAGE_SIZE).unwrap_or(&[]);
    entries.chunks_exact(CACHE_ENTRY_WORDS * 8).filter_map(CachedSite::decode)
}

/// Reads one of a site's counters without the rest.
pub fn counter(bytes: &[u8], index: usize) -> Option<u64> {
    u64_at(bytes, index * 8)
}

/// A site's counters; `None` where the bytes end before.
pub fn decode_counters(bytes: &[u8]) -> Option<[u64; COUNTER_COUNT]> {
    words(bytes)
}

const _: () = assert!(CACHE_PAGE_ENTRIES * CACHE_PAGES as usize == 256);

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration() -> SiteDeclaration {
        SiteDeclaration {
            index: FIRST,
            tag: 3,
            stack: 9,
            owner: 0,
            generation: 0,
            flags: FLAG_TRUNCATED,
        }
    }

    #[test]
    fn every_changed_bit_is_found() {
        let bytes = declaration().encode();
        assert_eq!(SiteDeclaration::decode(&bytes), Ok(Some(declaration())));
        for bit in 0..DECLARATION_SIZE * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            // As if killed before the last store: a reader misses the record.
            let is_blank = changed[..4] == [0; 4];
            assert!(is_blank || SiteDeclaration::decode(&changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn large_blocks_stand_for_themselves() {
        let whole = Weight::of(1 << 30, 1 << 19);
        assert_eq!(whole.bytes, 1 << 30);
        assert_eq!((whole.blocks, whole.variance_bytes, whole.variance_blocks), (256, 0, 0));
    }

    #[test]
    fn small_blocks_stand_for_an_interval() {
        let small = Weight::of(64, 1 << 19);
        // s ÷ (1 − exp(−s ÷ R)) = R + s ÷ 2 + …
        assert_eq!(small.bytes, (1 << 19) + 32);
        assert!(small.variance_bytes.abs_diff(VARIANCE_UNITS) < 100, "{small:?}");
    }

    #[test]
    fn an_entry_in_the_middle_of_a_move_says_so() {
        let mut bytes = [0; CACHE_ENTRY_WORDS * 8];
        assert_eq!(CachedSite::decode(&bytes), None);
        bytes[..8].copy_from_slice(&CachedSite::encode_head(FIRST, Some(2)).to_le_bytes());
        let cached = CachedSite { site: FIRST, moving: Some(2), counters: [0; 4] };
        assert_eq!(CachedSite::decode(&bytes), Some(cached));
    }
}
