//! What the ledger says about one tag, summed over the threads.

use scrubjay_log_format::{TagDeclaration, cell, tag};

/// The words of one cell, or a sum of them.
pub type Counters = [u64; cell::WORD_COUNT];

/// The tag of what scrubjay allocates for itself.
pub const OWN_TAG: &str = "scrubjay";

/// What the ledger says about one tag.
#[derive(Clone, Debug, Default)]
pub struct Tag {
    /// As the program declared it; `None` where the record is lost.
    pub declaration: Option<TagDeclaration>,
    /// The published totals.
    pub totals: [u64; tag::TOTALS_WORD_COUNT],
    /// The cells, summed over all thread slots.
    pub sums: Counters,
    /// What a late log's cells began with, summed likewise.
    pub base: Counters,
    /// Freed bytes that a slot has not yet counted as wiped, returned, carried
    /// or unwiped, by slot; none where that adds up.
    pub gaps: Vec<(u32, i64)>,
    /// Its blocks in the registry, and their bytes.
    pub registered_blocks: u64,
    pub registered_bytes: u64,
    /// The greatest `HIGH - PUBLISHED` of a slot: what no peak holds yet.
    pub unpublished_high: i64,
}

impl Tag {
    /// Whether anything is known about a tag at this index. Marks and the
    /// quantum are kept also where nothing happens.
    pub fn is_known(&self) -> bool {
        let counted = [cell::ALLOCATED_BLOCKS, cell::FREED_BLOCKS, cell::FAILED_COUNT];
        let totals = [tag::LIVE, tag::PEAK, tag::INHERITED_BYTES, tag::INHERITED_BLOCKS];
        self.declaration.is_some()
            || counted.iter().any(|&word| self.sums[word] != 0)
            || totals.iter().any(|&word| self.totals[word] != 0)
    }

    /// Bytes live: allocated less freed, and what a fork inherited.
    pub fn live_bytes(&self) -> i64 {
        difference(&self.sums, cell::ALLOCATED_BYTES, cell::FREED_BYTES)
            .wrapping_add(self.totals[tag::INHERITED_BYTES] as i64)
    }

    /// Blocks live, likewise.
    pub fn live_blocks(&self) -> i64 {
        difference(&self.sums, cell::ALLOCATED_BLOCKS, cell::FREED_BLOCKS)
            .wrapping_add(self.totals[tag::INHERITED_BLOCKS] as i64)
    }

    /// Bytes that were live when the journal began.
    pub fn live_bytes_before(&self) -> i64 {
        difference(&self.base, cell::ALLOCATED_BYTES, cell::FREED_BYTES)
            .wrapping_add(self.totals[tag::INHERITED_BYTES] as i64)
    }

    /// Blocks that were live when the journal began.
    pub fn live_blocks_before(&self) -> i64 {
        difference(&self.base, cell::ALLOCATED_BLOCKS, cell::FREED_BLOCKS)
            .wrapping_add(self.totals[tag::INHERITED_BLOCKS] as i64)
    }

    /// The peak: the published one, or what a thread had reached and not yet
    /// published.
    pub fn peak_bytes(&self) -> u64 {
        let candidate = (self.totals[tag::LIVE] as i64).saturating_add(self.unpublished_high);
        self.totals[tag::PEAK].max(candidate.max(0) as u64)
    }

    /// Events that the journal had no room for.
    pub fn dropped_events(&self) -> u64 {
        DROPPED_COUNTS.iter().map(|&word| self.sums[word]).fold(0, u64::wrapping_add)
    }
}

/// The counters of events that the journal had no room for.
pub const DROPPED_COUNTS: [usize; 3] =
    [cell::DROPPED_ALLOCATED_BLOCKS, cell::DROPPED_FREED_BLOCKS, cell::DROPPED_FAILED_COUNT];

/// Freed bytes that are not counted as wiped, returned, carried or unwiped.
pub fn unaccounted(counters: &Counters) -> i64 {
    let accounted =
        [cell::WIPED_BYTES, cell::RETURNED_BYTES, cell::CARRIED_BYTES, cell::UNWIPED_BYTES];
    let accounted = accounted.iter().fold(0u64, |sum, &word| sum.wrapping_add(counters[word]));
    counters[cell::FREED_BYTES].wrapping_sub(accounted) as i64
}

/// `counters[plus] - counters[minus]`, signed: a thread frees what others
/// allocated.
pub fn difference(counters: &Counters, plus: usize, minus: usize) -> i64 {
    counters[plus].wrapping_sub(counters[minus]) as i64
}

/// Adds counters word by word, wrapping as the signed ones among them need.
pub fn add(sums: &mut Counters, counters: &Counters) {
    for (sum, counter) in sums.iter_mut().zip(counters) {
        *sum = sum.wrapping_add(*counter);
    }
}
