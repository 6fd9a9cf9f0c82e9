//! What a run took of the memory: its peaks, what it left, all that it
//! allocated; each with the bound within which the log tells it.

use std::collections::BTreeMap;

use scrubjay_log_format::{cell, process, tag};
use serde::Serialize;

use super::file::LogFile;
use super::ledger::Ledger;
use super::peak::{self, Peaks};
use super::tag_sums::Tag;
use crate::budget::Figure;

/// A figure, and between what the true one lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    pub value: u64,
    /// The same as the value where that is exact.
    pub low: u64,
    pub high: u64,
}

/// What the process took, or a tag.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// In the order of [`Figure::ALL`].
    amounts: [Amount; 4],
    /// When its peak was, in ticks; 0 where that is not known.
    pub peak_ticks: u64,
}

/// What a run took.
#[derive(Debug)]
pub struct Run {
    pub process: Taken,
    /// The tags that were ever used, each with its index.
    pub tags: BTreeMap<String, (u32, Taken)>,
}

impl Amount {
    fn exact(value: u64) -> Self {
        Self { value, low: value, high: value }
    }

    /// A peak that was published, and so may be off by a bound; but it is no
    /// less than what is live now, and no more than all there ever was.
    fn published(value: u64, bound: u64, live: u64, all: u64) -> Self {
        let low = value.saturating_sub(bound).max(live).min(value);
        let high = value.saturating_add(bound).min(all).max(value);
        Self { value, low, high }
    }
}

impl Taken {
    /// One of its figures.
    pub fn amount(&self, figure: Figure) -> Amount {
        self.amounts[figure as usize]
    }

    /// The most that each may be.
    pub fn highest(&self) -> [u64; 4] {
        self.amounts.map(|amount| amount.high)
    }
}

impl Run {
    /// By the ledger, and the journal's peaks where it has every event.
    pub fn new(file: &LogFile, ledger: &Ledger, peaks: Option<&Peaks>) -> Self {
        let totals = ledger.totals();
        let words = &file.process;
        let published = (ledger.peak_bytes(file), words[process::PEAK_TICKS]);
        let peak = peaks.map(|peaks| peaks.of(None));
        let process = taken(&totals, peak, published, peak::process_bound(file));
        let mut tags = BTreeMap::new();
        for (index, tag) in ledger.known() {
            let published = (tag.peak_bytes(), tag.totals[tag::PEAK_TICKS]);
            let peak = peaks.map(|peaks| peaks.of(Some(index)));
            let taken = taken(tag, peak, published, peak::tag_bound(file, ledger, index));
            if taken.amounts.iter().any(|amount| amount.value > 0) {
                tags.entry(ledger.name(index)).or_insert((index, taken));
            }
        }
        Self { process, tags }
    }
}

fn taken(tag: &Tag, peak: Option<peak::Peak>, (published, ticks): (u64, u64), bound: u64) -> Taken {
    let live = tag.live_bytes().max(0) as u64;
    let allocated = tag.sums[cell::ALLOCATED_BYTES];
    let all = allocated.saturating_add(tag.totals[tag::INHERITED_BYTES]);
    let (peak, peak_ticks) = match peak {
        Some(peak) => (Amount::exact(peak.bytes.max(0) as u64), peak.ticks),
        None => (Amount::published(published, bound, live, all), ticks),
    };
    let exact = [live, allocated, tag.sums[cell::ALLOCATED_BLOCKS]].map(Amount::exact);
    Taken { amounts: [peak, exact[0], exact[1], exact[2]], peak_ticks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_lies_within_its_bound_and_within_reason() {
        let range = |amount: Amount| (amount.low, amount.value, amount.high);
        assert_eq!(range(Amount::published(1000, 100, 0, 9000)), (900, 1000, 1100));
        // All of it is live still, and nothing else ever was.
        assert_eq!(range(Amount::published(1000, 100, 980, 1010)), (980, 1000, 1010));
        // Figures that contradict each other, of a damaged log.
        assert_eq!(range(Amount::published(1000, 100, 5000, 10)), (1000, 1000, 1000));
    }
}
