//! The figures in which ledger, journal and naive books must agree.

use std::ops::{Add, AddAssign};

use scrubjay_log_format::{Event, cell};

/// Counts of one tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the ledger's words")]
pub struct Figures {
    pub allocated_bytes: u64,
    pub allocated_blocks: u64,
    pub freed_bytes: u64,
    pub freed_blocks: u64,
    pub failed_count: u64,
    pub failed_bytes: u64,
    pub realloc_in_place: u64,
    pub realloc_moved: u64,
    /// Bytes that reallocs took along, copied or carried in their place or
    /// with their pages.
    pub kept_bytes: u64,
}

impl Figures {
    /// How many there are.
    pub const COUNT: usize = 9;

    /// From numbers in the order of the fields.
    pub fn of(numbers: [u64; Self::COUNT]) -> Self {
        let [allocated_bytes, allocated_blocks, freed_bytes, freed_blocks, rest @ ..] = numbers;
        let [failed_count, failed_bytes, realloc_in_place, realloc_moved, kept_bytes] = rest;
        Self {
            allocated_bytes,
            allocated_blocks,
            freed_bytes,
            freed_blocks,
            failed_count,
            failed_bytes,
            realloc_in_place,
            realloc_moved,
            kept_bytes,
        }
    }

    /// The numbers in the order of the fields.
    pub fn numbers(&self) -> [u64; Self::COUNT] {
        [
            self.allocated_bytes,
            self.allocated_blocks,
            self.freed_bytes,
            self.freed_blocks,
            self.failed_count,
            self.failed_bytes,
            self.realloc_in_place,
            self.realloc_moved,
            self.kept_bytes,
        ]
    }

    /// What a cell counts.
    pub fn of_cell(words: &[u64; cell::WORD_COUNT]) -> Self {
        let places = [
            cell::ALLOCATED_BYTES,
            cell::ALLOCATED_BLOCKS,
            cell::FREED_BYTES,
            cell::FREED_BLOCKS,
            cell::FAILED_COUNT,
            cell::FAILED_BYTES,
            cell::REALLOC_IN_PLACE,
            cell::REALLOC_MOVED,
            cell::COPIED_BYTES,
        ];
        let mut numbers = places.map(|place| words[place]);
        numbers[Self::COUNT - 1] += words[cell::CARRIED_BYTES];
        Self::of(numbers)
    }

    /// What of a cell's events the journal had no room for.
    pub fn dropped(words: &[u64; cell::WORD_COUNT]) -> Self {
        Self {
            allocated_bytes: words[cell::DROPPED_ALLOCATED_BYTES],
            allocated_blocks: words[cell::DROPPED_ALLOCATED_BLOCKS],
            freed_bytes: words[cell::DROPPED_FREED_BYTES],
            freed_blocks: words[cell::DROPPED_FREED_BLOCKS],
            failed_count: words[cell::DROPPED_FAILED_COUNT],
            ..Self::default()
        }
    }

    /// Only what events sum up to, dropped ones included.
    pub fn of_events(self) -> Self {
        let [a, b, c, d, failed_count, ..] = self.numbers();
        Self::of([a, b, c, d, failed_count, 0, 0, 0, 0])
    }

    /// Counts an event.
    pub fn count(&mut self, event: &Event) {
        if event.kind.allocates() {
            self.allocated_bytes += event.size;
            self.allocated_blocks += 1;
        } else if event.kind.frees() {
            self.freed_bytes += event.size;
            self.freed_blocks += 1;
        } else {
            self.failed_count += 1;
        }
    }

    /// Bytes and blocks that live; negative where only frees are counted.
    pub fn live(&self) -> (i64, i64) {
        let less = |a: u64, b: u64| a.wrapping_sub(b) as i64;
        (
            less(self.allocated_bytes, self.freed_bytes),
            less(self.allocated_blocks, self.freed_blocks),
        )
    }
}

impl Add for Figures {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (a, b) = (self.numbers(), other.numbers());
        Self::of(std::array::from_fn(|index| a[index].wrapping_add(b[index])))
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
