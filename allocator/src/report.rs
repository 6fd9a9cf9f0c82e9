//! What a snapshot of the ledger says: each tag's figures, and the totals.

use core::fmt;

use scrubjay_log_format::cell::{self, WORD_COUNT};

use crate::json;

/// What the ledger says about one tag. Sizes are in bytes as the program asked
/// for them, without trailers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagStats {
    /// The tag's name; `untagged` for what has none.
    pub name: &'static str,
    /// Whether its content must not outlive its use.
    pub is_secret: bool,
    /// Bytes live now.
    pub live_bytes: u64,
    /// Blocks live now.
    pub live_blocks: u64,
    /// Greatest live so far, in bytes, within [`Report::peak_bound_bytes`].
    pub peak_bytes: u64,
    /// Bytes ever allocated; a successful realloc allocates its new size.
    pub allocated_bytes: u64,
    /// Blocks ever allocated; a successful realloc is one more.
    pub allocated_blocks: u64,
    /// Bytes ever freed; a successful realloc frees its old size.
    pub freed_bytes: u64,
    /// Blocks ever freed.
    pub freed_blocks: u64,
    /// Allocations and reallocs that the inner allocator refused.
    pub failed_count: u64,
    /// Reallocs that kept the address.
    pub realloc_in_place_count: u64,
    /// Reallocs that moved.
    pub realloc_moved_count: u64,
    /// Bytes that reallocs copied.
    pub copied_bytes: u64,
    /// Freed bytes that were overwritten before release.
    pub wiped_bytes: u64,
    /// Freed bytes that went back to the kernel as whole pages.
    pub returned_bytes: u64,
    /// Freed bytes that a realloc kept in use.
    pub carried_bytes: u64,
    /// Freed bytes that were left as they were, by policy.
    pub unwiped_bytes: u64,
    /// Bytes that no allocator sees, see [`crate::External`]: part of the peak, not
    /// of the live bytes.
    pub external_bytes: u64,
}

/// The whole ledger at one moment.
///
/// Each counter is read once. While other threads allocate, the figures of
/// one tag can be some events apart; a live figure is never below the truth at
/// the moment when the snapshot began, and never negative. Without such
/// threads everything is exact but the peaks, which lie within
/// [`Report::peak_bound_bytes`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Every tag that was entered, "untagged" first.
    pub tags: Vec<TagStats>,
    /// The sums over all tags; its peak is the process's own, not a sum.
    pub total: TagStats,
    /// What made up the process's peak: tags and bytes, greatest first. Taken
    /// when the peak had last risen by a hundredth.
    pub peak_tags: Vec<(&'static str, u64)>,
    /// A peak can be this many bytes off the truth: threads × quantum, and 0
    /// with one thread.
    pub peak_bound_bytes: u64,
    /// Threads that record now.
    pub thread_count: u64,
    /// Damaged blocks that were found, where the policy is to count them.
    pub corruption_count: u64,
    /// Leases and leak checks that found no place, and so have no bill of their
    /// own.
    pub lease_overflow_count: u64,
}

impl Report {
    pub(crate) fn empty() -> Self {
        let total = TagStats::new("total", false, &[0; WORD_COUNT], [0, 0], 0);
        Self {
            tags: Vec::new(),
            total,
            peak_tags: Vec::new(),
            peak_bound_bytes: 0,
            thread_count: 0,
            corruption_count: 0,
            lease_overflow_count: 0,
        }
    }

    /// One tag's figures, by its name.
    pub fn tag(&self, name: &str) -> Option<&TagStats> {
        self.tags.iter().find(|tag| tag.name == name)
    }

    /// The report as one JSON object. Its keys are those of the fields.
    pub fn to_json(&self) -> String {
        let tags: Vec<String> = self.tags.iter().map(TagStats::to_json).collect();
        let peak_tags: Vec<String> = (self.peak_tags.iter())
            .map(|(name, bytes)| format!("{{\"name\":{},\"bytes\":{bytes}}}", json::text(name)))
            .collect();
        format!(
            "{{\"schema_version\":1,\"tags\":[{}],\"total\":{},\"peak_tags\":[{}],\
             \"peak_bound_bytes\":{},\"thread_count\":{},\"corruption_count\":{},\
             \"lease_overflow_count\":{}}}",
            tags.join(","),
            self.total.to_json(),
            peak_tags.join(","),
            self.peak_bound_bytes,
            self.thread_count,
            self.corruption_count,
            self.lease_overflow_count,
        )
    }
}

impl TagStats {
    /// From the words of its cells, and what a parent left live.
    pub(crate) fn new(
        name: &'static str,
        is_secret: bool,
        words: &[u64; WORD_COUNT],
        [bytes, blocks]: [u64; 2],
        peak_bytes: u64,
    ) -> Self {
        let live = |allocated: usize, freed: usize, inherited: u64| {
            words[allocated].wrapping_sub(words[freed]).wrapping_add(inherited)
        };
        let live_bytes = live(cell::ALLOCATED_BYTES, cell::FREED_BYTES, bytes);
        Self {
            name,
            is_secret,
            live_bytes,
            live_blocks: live(cell::ALLOCATED_BLOCKS, cell::FREED_BLOCKS, blocks),
            peak_bytes: peak_bytes.max(live_bytes),
            allocated_bytes: words[cell::ALLOCATED_BYTES],
            allocated_blocks: words[cell::ALLOCATED_BLOCKS],
            freed_bytes: words[cell::FREED_BYTES],
            freed_blocks: words[cell::FREED_BLOCKS],
            failed_count: words[cell::FAILED_COUNT],
            realloc_in_place_count: words[cell::REALLOC_IN_PLACE],
            realloc_moved_count: words[cell::REALLOC_MOVED],
            copied_bytes: words[cell::COPIED_BYTES],
            wiped_bytes: words[cell::WIPED_BYTES],
            returned_bytes: words[cell::RETURNED_BYTES],
            carried_bytes: words[cell::CARRIED_BYTES],
            unwiped_bytes: words[cell::UNWIPED_BYTES],
            external_bytes: 0,
        }
    }

    fn to_json(&self) -> String {
        let numbers = [
            ("live_bytes", self.live_bytes),
            ("live_blocks", self.live_blocks),
            ("peak_bytes", self.peak_bytes),
            ("allocated_bytes", self.allocated_bytes),
            ("allocated_blocks", self.allocated_blocks),
            ("freed_bytes", self.freed_bytes),
            ("freed_blocks", self.freed_blocks),
            ("failed_count", self.failed_count),
            ("realloc_in_place_count", self.realloc_in_place_count),
            ("realloc_moved_count", self.realloc_moved_count),
            ("copied_bytes", self.copied_bytes),
            ("wiped_bytes", self.wiped_bytes),
            ("returned_bytes", self.returned_bytes),
            ("carried_bytes", self.carried_bytes),
            ("unwiped_bytes", self.unwiped_bytes),
            ("external_bytes", self.external_bytes),
        ];
        let mut json =
            format!("{{\"name\":{},\"is_secret\":{}", json::text(self.name), self.is_secret);
        for (key, number) in numbers {
            json.push_str(&format!(",\"{key}\":{number}"));
        }
        json.push('}');
        json
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.tags.iter().map(|tag| tag.name.chars().count()).max().unwrap_or(0).max(5);
        writeln!(
            out,
            "{:width$} {:>13} {:>10} {:>13} {:>13} {:>13}",
            "tag", "live bytes", "blocks", "peak bytes", "wiped bytes", "unwiped bytes"
        )?;
        for tag in self.tags.iter().chain([&self.total]) {
            writeln!(
                out,
                "{:width$} {:>13} {:>10} {:>13} {:>13} {:>13}",
                tag.name,
                tag.live_bytes,
                tag.live_blocks,
                tag.peak_bytes,
                tag.wiped_bytes,
                tag.unwiped_bytes
            )?;
        }
        if self.lease_overflow_count > 0 {
            writeln!(out, "{} leases found no place", self.lease_overflow_count)?;
        }
        match self.peak_bound_bytes {
            0 => writeln!(out, "peaks are exact: one thread"),
            bound => writeln!(out, "a peak can be up to {bound} bytes off the truth"),
        }
    }
}
