//! How a cell differs from the journal of its slot and tag, and whether an
//! event in flight explains it.

use scrubjay_log_format::{Event, cell};

use super::slot_journal::Sums;
use super::tag_sums::Counters;
use crate::text;

/// What a cell lacks of what the journal has, or has more (below zero).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    allocated_bytes: i64,
    allocated_blocks: i64,
    freed_bytes: i64,
    freed_blocks: i64,
    failed_bytes: i64,
    failed_count: i64,
}

impl Gap {
    /// None.
    pub const NONE: Self = Self {
        allocated_bytes: 0,
        allocated_blocks: 0,
        freed_bytes: 0,
        freed_blocks: 0,
        failed_bytes: 0,
        failed_count: 0,
    };

    /// `journal + dropped + base - cell`. How many bytes failed events asked
    /// for that were dropped is not recorded.
    pub fn new(journal: &Sums, base: &Counters, cell: &Counters) -> Self {
        let gap = |journal: u64, dropped: Option<usize>, word: usize| {
            let dropped = dropped.map_or(0, |dropped| cell[dropped].wrapping_sub(base[dropped]));
            let told = journal.wrapping_add(dropped).wrapping_add(base[word]);
            told.wrapping_sub(cell[word]) as i64
        };
        let dropped_failures = cell[cell::DROPPED_FAILED_COUNT];
        let failed_bytes = gap(journal.failed_bytes, None, cell::FAILED_BYTES);
        Self {
            allocated_bytes: gap(
                journal.allocated_bytes,
                Some(cell::DROPPED_ALLOCATED_BYTES),
                cell::ALLOCATED_BYTES,
            ),
            allocated_blocks: gap(
                journal.allocated_blocks,
                Some(cell::DROPPED_ALLOCATED_BLOCKS),
                cell::ALLOCATED_BLOCKS,
            ),
            freed_bytes: gap(
                journal.freed_bytes,
                Some(cell::DROPPED_FREED_BYTES),
                cell::FREED_BYTES,
            ),
            freed_blocks: gap(
                journal.freed_blocks,
                Some(cell::DROPPED_FREED_BLOCKS),
                cell::FREED_BLOCKS,
            ),
            failed_bytes: if dropped_failures > 0 { 0 } else { failed_bytes },
            failed_count: gap(
                journal.failed_count,
                Some(cell::DROPPED_FAILED_COUNT),
                cell::FAILED_COUNT,
            ),
        }
    }

    /// What is left of the gap where events that a ring was overwriting may
    /// not be counted as dropped yet, in each figure for itself.
    pub fn without(&self, going: &Sums) -> Self {
        let rest = |gap: i64, going: u64| {
            if gap < 0 { gap.saturating_add_unsigned(going).min(0) } else { gap }
        };
        Self {
            allocated_bytes: rest(self.allocated_bytes, going.allocated_bytes),
            allocated_blocks: rest(self.allocated_blocks, going.allocated_blocks),
            freed_bytes: rest(self.freed_bytes, going.freed_bytes),
            freed_blocks: rest(self.freed_blocks, going.freed_blocks),
            failed_bytes: rest(self.failed_bytes, going.failed_bytes),
            failed_count: rest(self.failed_count, going.failed_count),
        }
    }

    fn bytes(&self) -> [i64; 3] {
        [self.allocated_bytes, self.freed_bytes, self.failed_bytes]
    }

    fn counts(&self) -> [i64; 3] {
        [self.allocated_blocks, self.freed_blocks, self.failed_count]
    }

    /// Whether the slot's last event, in the journal and not yet or partly in
    /// the cell, explains the gap.
    pub fn is_event(&self, events: &[(u32, Event)], tag: u32) -> bool {
        let mut whole = Sums::default();
        for (_, event) in events.iter().filter(|(of, _)| *of == tag) {
            whole.add(event);
        }
        let bytes = [whole.allocated_bytes, whole.freed_bytes, whole.failed_bytes];
        let counts = [whole.allocated_blocks, whole.freed_blocks, whole.failed_count];
        let is_part = |(gap, whole): (i64, u64)| gap == 0 || gap == whole as i64;
        self.bytes().into_iter().zip(bytes).all(is_part)
            && self.counts().into_iter().zip(counts).all(is_part)
    }

    /// Whether one event that was being counted as dropped explains the gap:
    /// as dropped first, blocks before bytes, and then as what it is.
    pub fn is_drop(&self, cell: &Counters) -> bool {
        let dropped = [
            cell[cell::DROPPED_ALLOCATED_BLOCKS],
            cell[cell::DROPPED_FREED_BLOCKS],
            cell[cell::DROPPED_FAILED_COUNT],
        ];
        let counts = self.counts();
        counts.iter().all(|&count| (0..=1).contains(&count))
            && counts.iter().sum::<i64>() <= 1
            && counts.iter().zip(dropped).all(|(&count, dropped)| count == 0 || dropped > 0)
            && self
                .bytes()
                .iter()
                .zip(counts)
                .all(|(&bytes, count)| bytes == 0 || count == 1 && bytes > 0)
    }

    /// Whether so many events of threads that share the slot explain the gap.
    pub fn is_some_of(&self, in_flight: u64) -> bool {
        let count: u64 = self.counts().iter().map(|count| count.unsigned_abs()).sum();
        count <= in_flight
    }

    /// What the cell has fewer or more of.
    pub fn words(&self) -> String {
        let names = ["allocated", "freed", "failed"];
        let parts = names.into_iter().zip(self.bytes()).zip(self.counts());
        let parts = parts.flat_map(|((name, bytes), count)| {
            [(bytes, format!("{name} bytes")), (count, format!("{name} blocks"))]
        });
        let parts = parts.filter(|(difference, _)| *difference != 0).map(|(difference, name)| {
            let which = if difference > 0 { "fewer" } else { "more" };
            format!("{} {which} {name}", text::count(difference.unsigned_abs()))
        });
        parts.collect::<Vec<_>>().join(", ")
    }
}
