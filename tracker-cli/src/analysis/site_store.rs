//! The sites' counters as they stand in a log: shared ones, and the threads'
//! caches in front of them.

use std::collections::BTreeMap;

use scrubjay_log_format::peak::{self, SiteAtPeak, TagPeak};
use scrubjay_log_format::site::{self, CachePageOwner, CachedSite, FIRST};

/// The counters of one site.
pub type SiteCounters = [u64; site::COUNTER_COUNT];

/// What the log holds of all of them.
#[derive(Debug, Default)]
pub struct SiteStore {
    /// The shared counters, by site.
    pub shared: BTreeMap<u32, SiteCounters>,
    /// What threads have counted and not yet moved there, with their slots.
    pub cached: Vec<(u32, CachedSite)>,
    /// What was live of each site when peaks were noted, by the sets' places.
    peaks: BTreeMap<u32, [SiteAtPeak; SET_COUNT]>,
    /// When the sites of each tag were noted at its own peak.
    pub tag_peaks: BTreeMap<u32, TagPeak>,
}

/// Sets of words that a site's record of peaks has.
const SET_COUNT: usize = peak::SITE_WORD_COUNT / SET_WORDS;
const SET_WORDS: usize = 4;

impl SiteStore {
    /// Takes in the counters at an index of the table.
    pub fn counters(&mut self, index: u32, record: &[u8]) {
        if let Some(counters) = site::decode_counters(record)
            && counters != [0; site::COUNTER_COUNT]
            && let Some(site) = index.checked_add(FIRST)
        {
            self.shared.insert(site, counters);
        }
    }

    /// Takes in a page of a thread's cache.
    pub fn cache_page(&mut self, record: &[u8]) {
        let Some(owner) = CachePageOwner::decode(record) else { return };
        let entries = site::decode_cache_page(record);
        self.cached.extend(entries.map(|entry| (owner.slot, entry)));
    }

    /// Takes in a site's record of peaks.
    pub fn site_peaks(&mut self, index: u32, record: &[u8]) {
        let sets: [Option<SiteAtPeak>; SET_COUNT] =
            std::array::from_fn(|set| SiteAtPeak::decode(record, set * SET_WORDS));
        let sets = sets.map(Option::unwrap_or_default);
        if sets != [SiteAtPeak::default(); SET_COUNT]
            && let Some(site) = index.checked_add(FIRST)
        {
            self.peaks.insert(site, sets);
        }
    }

    /// Takes in a tag's record of its peak.
    pub fn tag_peak(&mut self, index: u32, record: &[u8]) {
        if let Some(peak) = TagPeak::decode(record) {
            self.tag_peaks.insert(index, peak);
        }
    }

    /// What was live of each site by a set that begins at this word.
    pub fn at_peak(&self, word: usize) -> impl Iterator<Item = (u32, SiteAtPeak)> {
        self.peaks.iter().map(move |(&site, sets)| (site, sets[word / SET_WORDS]))
    }

    /// Whether sites were counted at all.
    pub fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.cached.is_empty()
    }
}
