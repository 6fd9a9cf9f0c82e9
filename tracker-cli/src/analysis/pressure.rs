//! Budgets and what happened to them, and memory that no allocator sees.

use std::collections::BTreeMap;

use scrubjay_log_format::external;
use scrubjay_log_format::pressure::{self, BUDGET_WORD_COUNT, PressureEvent};

/// Budgets of a log, by the order in which they were set, and the last events.
#[derive(Debug, Default)]
pub struct Budgets {
    budgets: BTreeMap<u32, [u64; BUDGET_WORD_COUNT]>,
    /// By their numbers.
    events: BTreeMap<u64, PressureEvent>,
    /// By tag.
    external: BTreeMap<u32, [u64; external::WORD_COUNT]>,
}

/// One budget; sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// A tag's index, or [`pressure::TOTAL`].
    pub whose: u32,
    /// Its limits; `None` where there is none.
    pub hard: Option<u64>,
    pub soft: Option<u64>,
    pub headroom: u64,
    /// The most that was handed out.
    pub most: u64,
    pub refused_count: u64,
    pub refused_bytes: u64,
    /// How often the soft limit was passed.
    pub soft_count: u64,
}

impl Budgets {
    /// Takes in the record of a budget at an index.
    pub fn budget(&mut self, index: u32, record: &[u8]) {
        if let Some(words) = pressure::decode_budget(record) {
            self.budgets.insert(index, words);
        }
    }

    /// Takes in an event.
    pub fn event(&mut self, record: &[u8]) {
        if let Some(event) = PressureEvent::decode(record) {
            self.events.insert(event.number, event);
        }
    }

    /// Takes in what a tag has of memory that no allocator sees.
    pub fn external(&mut self, tag: u32, record: &[u8]) {
        if let Some(words) = external::decode(record).filter(|words| words.iter().any(|&w| w != 0))
        {
            self.external.insert(tag, words);
        }
    }

    /// The budgets, the process's first, then by tag.
    pub fn all(&self) -> Vec<Budget> {
        let limit = |bytes: u64| Some(bytes).filter(|&bytes| bytes != u64::MAX);
        let mut all: Vec<Budget> = (self.budgets.values())
            .map(|words| Budget {
                whose: words[pressure::NUMBER].saturating_sub(1).min(u32::MAX.into()) as u32,
                hard: limit(words[pressure::HARD]),
                soft: limit(words[pressure::SOFT]),
                headroom: words[pressure::HEADROOM],
                most: words[pressure::MOST],
                refused_count: words[pressure::REFUSED_COUNT],
                refused_bytes: words[pressure::REFUSED_BYTES],
                soft_count: words[pressure::SOFT_COUNT],
            })
            .collect();
        all.sort_by_key(|budget| (budget.whose != pressure::TOTAL, budget.whose));
        all
    }

    /// The events that are left, the oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &PressureEvent> {
        self.events.values()
    }

    /// Memory that no allocator sees: tag, bytes at the end, and at most.
    pub fn externals(&self) -> impl Iterator<Item = (u32, u64, u64)> {
        self.external
            .iter()
            .map(|(&tag, words)| (tag, words[external::BYTES], words[external::PEAK]))
    }
}
