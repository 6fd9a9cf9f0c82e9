//! The sites' counters as they stand in a log: shared ones, and the threads'
//! caches in front of them.

use std::collections::BTreeMap;

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
}

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

    /// Whether sites were counted at all.
    pub fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.cached.is_empty()
    }
}
