//! Who holds memory, by stack and tag: exactly by the journal or by the sites'
//! counters, else as a sample tells.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use scrubjay_log_format::peak::{self, SiteAtPeak};
use scrubjay_log_format::scan::Row;
use scrubjay_log_format::{process, site};

use super::estimate::{Estimate, Sample};
use super::file::LogFile;
use super::ledger::Ledger;
use super::peak::Levels;
use super::site_ledger::SiteLedger;
use super::site_store::SiteCounters;

/// Where the figures come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Every block's life.
    Journal,
    /// What each site counted, of all blocks.
    Counters,
    /// What each site counted of a sample.
    Samples,
    /// What each site had counted when a peak was noted.
    Noted,
    /// What a scan found of each site.
    Scan,
    /// Nowhere, and why.
    None(&'static str),
}

impl Source {
    /// Whether nothing is known.
    pub fn is_none(self) -> bool {
        matches!(self, Self::None(_))
    }

    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Counters | Self::Noted => "counters",
            Self::Samples => "samples",
            Self::Scan => "scan",
            Self::None(_) => "none",
        }
    }

    /// What stands beside the figures.
    pub fn words(self) -> &'static str {
        match self {
            Self::Journal => "exact, from the journal",
            Self::Counters => "exact, from the counters",
            Self::Samples => "estimate, 95 % interval",
            Self::Noted => "from the counters within its bound",
            Self::Scan => "as the scan found it",
            Self::None(why) => why,
        }
    }
}

/// The sampled blocks of a stack: those that live, and all there were.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LiveSample {
    pub live: Sample,
    pub all: Sample,
}

/// What one stack holds under one tag.
#[derive(Clone, Debug, Default)]
pub struct HeldSite {
    /// The tag.
    pub tag: u32,
    /// The node of the stack's innermost frame; 0 for blocks without a stack.
    pub stack: u32,
    /// The sites that have this tag and stack.
    pub sites: Vec<u32>,
    /// Bytes, of those that are counted one by one.
    pub bytes: i64,
    /// Likewise the blocks.
    pub blocks: i64,
    /// The sample beside them.
    pub sample: Option<LiveSample>,
    /// The stack is longer than the log's limit.
    pub is_truncated: bool,
    /// Its outermost frame's caller is not known.
    pub is_lost: bool,
}

/// All that hold something, the greatest first.
#[derive(Clone, Debug)]
pub struct Held {
    /// How the figures are known.
    pub source: Source,
    /// The mean distance of two samples in bytes.
    pub sample_interval: u64,
    /// The sites.
    pub sites: Vec<HeldSite>,
    /// What a kill left undecided, in sentences.
    pub unsettled: Vec<String>,
}

impl HeldSite {
    /// All bytes, where a part is estimated.
    pub fn estimated_bytes(&self, sample_interval: u64) -> Option<Estimate> {
        Some(self.sample?.live.all_bytes(sample_interval))
    }

    /// All blocks, where a part is estimated.
    pub fn estimated_blocks(&self) -> Option<Estimate> {
        let sample = self.sample?;
        Some(sample.live.all_blocks(&sample.all))
    }

    /// Several sites as one.
    pub fn sum<'h>(sites: impl IntoIterator<Item = &'h Self>) -> Self {
        let mut sum = Self::default();
        for site in sites {
            sum.add_figures(site);
        }
        sum
    }

    /// Takes in another one of the same tag, with a stack that reads alike.
    pub fn merge(&mut self, other: &Self) {
        self.add_figures(other);
        self.sites.extend(&other.sites);
        self.sites.sort_unstable();
    }

    fn add_figures(&mut self, other: &Self) {
        self.add(other.bytes, other.blocks);
        if let Some(other) = &other.sample {
            let sample = self.sample.get_or_insert_default();
            sample.live.add(&other.live);
            sample.all.add(&other.all);
        }
    }

    /// Takes in blocks that are counted one by one.
    pub fn add(&mut self, bytes: i64, blocks: i64) {
        self.bytes = self.bytes.wrapping_add(bytes);
        self.blocks = self.blocks.wrapping_add(blocks);
    }

    /// What the figures amount to, for the order.
    fn weight(&self) -> i128 {
        let estimate = self.sample.map_or(0.0, |sample| sample.live.estimated_bytes);
        i128::from(self.bytes) + estimate as i128
    }

    fn is_nothing(&self) -> bool {
        let is_none = |live: &Sample| live.count == 0.0 && live.estimated_bytes == 0.0;
        self.bytes == 0 && self.blocks == 0 && self.sample.is_none_or(|it| is_none(&it.live))
    }
}

impl Held {
    /// Nothing, and why.
    pub fn unknown(why: &'static str) -> Self {
        Self {
            source: Source::None(why),
            sample_interval: 1,
            sites: Vec::new(),
            unsettled: Vec::new(),
        }
    }

    /// The sites of one tag, or of all.
    pub fn of_tag(&self, tag: Option<u32>) -> Vec<&HeldSite> {
        self.sites.iter().filter(|site| tag.is_none_or(|tag| tag == site.tag)).collect()
    }

    /// What a moment of the journal says.
    pub fn by_journal(ledger: &Ledger, levels: &Levels) -> Self {
        let mut groups = Groups::new(ledger);
        for (&site, level) in levels {
            groups.of(site).add(level.bytes, level.blocks);
        }
        groups.end(Source::Journal, 1)
    }

    /// What a scan says of some sites.
    pub fn by_scan<'r>(ledger: &Ledger, rows: impl IntoIterator<Item = &'r Row>) -> Self {
        let mut groups = Groups::new(ledger);
        for row in rows {
            groups.of(row.site).add(row.bytes as i64, row.blocks as i64);
        }
        groups.end(Source::Scan, 1)
    }

    /// What the sites' counters say of the log's last moment.
    pub fn by_counters(file: &LogFile, ledger: &Ledger) -> Self {
        let settled = SiteLedger::settle(ledger, None);
        let unsettled = settled.unsettled.iter().map(|one| one.sentence(ledger)).collect();
        let mut groups = Groups::new(ledger);
        let mut has_sample = false;
        for (&site, counters) in &settled.sites {
            let declared = ledger.sites.get(site);
            if declared.is_some_and(|declared| declared.has(site::FLAG_SAMPLED)) {
                has_sample = true;
                let sample = groups.of(site).sample.get_or_insert_default();
                let (live, all) = samples(counters, file.header.sample_interval);
                sample.live.add(&live);
                sample.all.add(&all);
            } else {
                let (bytes, blocks) = settled.live(site);
                groups.of(site).add(bytes, blocks);
            }
        }
        if has_sample {
            // What no site has is what was not sampled: its sample stands for it.
            let held = groups.end(Source::Samples, file.header.sample_interval);
            return Held { unsettled, ..held };
        }
        for (tag, (bytes, blocks)) in settled.stackless_live(ledger) {
            groups.of(tag).add(bytes, blocks);
        }
        Held { unsettled, ..groups.end(Source::Counters, 1) }
    }
}

impl Held {
    /// What sites had when the process's peak was noted, or a tag's own; and
    /// when that was, in ticks. `None` where it never was.
    pub fn at_peak(file: &LogFile, ledger: &Ledger, tag: Option<u32>) -> Option<(Self, u64)> {
        let (set, ticks) = match tag {
            Some(tag) => {
                let noted = ledger.site_store.tag_peaks.get(&tag)?;
                (*peak::TAG.get(noted.set)?, noted.ticks)
            }
            None => {
                let slot = file.process[process::PEAK_FRAME].checked_sub(1)?;
                let set = slot.checked_sub(file.header.frame_capacity.into())?;
                let ticks = ledger.frames.peak(file)?.ticks;
                (*peak::PROCESS.get(usize::try_from(set).ok()?)?, ticks)
            }
        };
        let interval = file.header.sample_interval;
        let mut groups = Groups::new(ledger);
        let mut has_sample = false;
        for (site, noted) in ledger.site_store.at_peak(set) {
            if tag.is_some_and(|tag| tag != ledger.sites.tag(site)) {
                continue;
            }
            let declared = ledger.sites.get(site);
            if declared.is_some_and(|declared| declared.has(site::FLAG_SAMPLED)) {
                has_sample = true;
                let counters = ledger.site_store.shared.get(&site).copied().unwrap_or_default();
                let (_, all) = samples(&counters, interval);
                let sample = groups.of(site).sample.get_or_insert_default();
                sample.live.add(&noted_sample(&noted, &all, interval));
                sample.all.add(&all);
            } else {
                groups.of(site).add(noted.bytes, noted.blocks);
            }
        }
        let source = if has_sample { Source::Samples } else { Source::Noted };
        let held = groups.end(source, interval);
        (!held.sites.is_empty()).then_some((held, ticks))
    }
}

/// The sampled blocks that lived at a peak, of a site with `all` of these. How
/// many they were is not noted: each is taken to stand for as many as one of
/// all does.
fn noted_sample(noted: &SiteAtPeak, all: &Sample, interval: u64) -> Sample {
    let interval = interval as f64;
    let estimated_blocks = noted.blocks.max(0) as f64 / site::BLOCK_UNITS as f64;
    let weight = if all.count > 0.0 { all.estimated_blocks / all.count } else { 1.0 };
    Sample {
        estimated_bytes: noted.bytes.max(0) as f64,
        estimated_blocks,
        variance_bytes: variance_of(noted.variance_bytes as f64, interval),
        // What one block adds is rounded, to nothing where it is large.
        variance_blocks: (noted.variance_blocks as f64).max(estimated_blocks * (weight - 1.0)),
        ..Sample::default()
    }
}

/// A variance of bytes, from the units that the log counts it in.
fn variance_of(word: f64, interval: f64) -> f64 {
    word / site::VARIANCE_UNITS as f64 * interval * interval
}

/// Sites with the same tag and stack are one.
pub struct Groups<'l> {
    ledger: &'l Ledger,
    held: BTreeMap<(u32, u32), HeldSite>,
}

impl<'l> Groups<'l> {
    /// None as yet.
    pub fn new(ledger: &'l Ledger) -> Self {
        Self { ledger, held: BTreeMap::new() }
    }

    /// Where a site's figures go.
    pub fn of(&mut self, site: u32) -> &mut HeldSite {
        let declared = self.ledger.sites.get(site);
        let tag = self.ledger.sites.tag(site);
        let stack = declared.map_or(0, |declared| declared.stack);
        // Sites that nothing declares are kept apart.
        let known = if declared.is_none() && site >= site::FIRST { site } else { tag };
        let held = self.held.entry((known, stack)).or_default();
        (held.tag, held.stack) = (tag, stack);
        held.is_truncated |= declared.is_some_and(|it| it.has(site::FLAG_TRUNCATED));
        held.is_lost |= declared.is_some_and(|it| it.has(site::FLAG_LOST));
        if !held.sites.contains(&site) {
            held.sites.push(site);
        }
        held
    }

    /// Those that hold something.
    pub fn end(self, source: Source, sample_interval: u64) -> Held {
        let mut sites: Vec<HeldSite> = self.held.into_values().collect();
        sites.retain(|site| !site.is_nothing());
        sort(&mut sites);
        for site in &mut sites {
            site.sites.sort_unstable();
        }
        Held { source, sample_interval, sites, unsettled: Vec::new() }
    }
}

/// The greatest first.
pub fn sort(sites: &mut [HeldSite]) {
    sites.sort_by_key(|site| (Reverse(site.weight()), site.tag, site.stack));
}

/// Those with the most blocks first.
pub fn sort_by_blocks(sites: &mut [HeldSite]) {
    let blocks = |site: &HeldSite| {
        let estimate = site.sample.map_or(0.0, |sample| sample.live.estimated_blocks);
        i128::from(site.blocks) + estimate as i128
    };
    sites.sort_by_key(|site| (Reverse(blocks(site)), site.tag, site.stack));
}

/// A sampled site's blocks: those that live, and all there were.
pub fn samples(counters: &SiteCounters, interval: u64) -> (Sample, Sample) {
    let interval = interval as f64;
    let sample = |word: &dyn Fn(usize, usize, Option<usize>) -> f64| Sample {
        count: word(site::ALLOCATED_BLOCKS, site::FREED_BLOCKS, Some(site::INHERITED_BLOCKS)),
        bytes: word(site::ALLOCATED_BYTES, site::FREED_BYTES, Some(site::INHERITED_BYTES)),
        estimated_bytes: word(site::ESTIMATED_ALLOCATED_BYTES, site::ESTIMATED_FREED_BYTES, None),
        estimated_blocks: word(
            site::ESTIMATED_ALLOCATED_BLOCKS,
            site::ESTIMATED_FREED_BLOCKS,
            None,
        ) / site::BLOCK_UNITS as f64,
        variance_bytes: variance_of(
            word(site::VARIANCE_ALLOCATED_BYTES, site::VARIANCE_FREED_BYTES, None),
            interval,
        ),
        variance_blocks: word(site::VARIANCE_ALLOCATED_BLOCKS, site::VARIANCE_FREED_BLOCKS, None),
    };
    let inherited = |word: Option<usize>| word.map_or(0, |word| counters[word]);
    // A kill between two words may leave one of them below zero.
    let live = |plus: usize, minus: usize, more: Option<usize>| {
        let live = counters[plus].wrapping_sub(counters[minus]).wrapping_add(inherited(more));
        (live as i64).max(0) as f64
    };
    let all = |plus: usize, _: usize, more: Option<usize>| {
        counters[plus].wrapping_add(inherited(more)) as f64
    };
    (sample(&live), sample(&all))
}

#[cfg(test)]
mod tests {
    use scrubjay_log_format::site::Weight;

    use super::*;

    #[test]
    fn blocks_at_a_peak_are_as_uncertain_as_blocks_at_the_end() {
        const INTERVAL: u64 = 512 << 10;
        for size in [100, 100 << 10, 1 << 20, 64 << 20] {
            let weight = Weight::of(size, INTERVAL);
            let mut counters = [0; site::COUNTER_COUNT];
            counters[site::ALLOCATED_BYTES] = 50 * size;
            counters[site::ALLOCATED_BLOCKS] = 50;
            counters[site::ESTIMATED_ALLOCATED_BYTES] = 50 * weight.bytes;
            counters[site::ESTIMATED_ALLOCATED_BLOCKS] = 50 * weight.blocks;
            counters[site::VARIANCE_ALLOCATED_BYTES] = 50 * weight.variance_bytes;
            counters[site::VARIANCE_ALLOCATED_BLOCKS] = 50 * weight.variance_blocks;
            let (live, all) = samples(&counters, INTERVAL);
            let noted = SiteAtPeak {
                bytes: 50 * weight.bytes as i64,
                blocks: 50 * weight.blocks as i64,
                variance_bytes: 50 * weight.variance_bytes,
                variance_blocks: 50 * weight.variance_blocks,
            };
            let noted = noted_sample(&noted, &all, INTERVAL);
            assert_eq!(noted.all_bytes(INTERVAL).high, live.all_bytes(INTERVAL).high, "{size}");
            assert_eq!(noted.all_blocks(&all).high, live.all_blocks(&all).high, "{size}");
            let (at_peak, at_end) = (noted.all_blocks(&all).low, live.all_blocks(&all).low);
            assert!(at_peak <= at_end && at_end - at_peak <= 50, "{size}: {at_peak}, {at_end}");
        }
    }
}
