//! Who allocated how much and how often, by stack and tag, whatever became of it.

use scrubjay_log_format::site;

use super::file::LogFile;
use super::held::{Groups, Held, Source, samples};
use super::ledger::Ledger;
use super::site_ledger::SiteLedger;

impl Held {
    /// All that was ever allocated, as the sites counted it.
    pub fn ever(file: &LogFile, ledger: &Ledger) -> Self {
        let settled = SiteLedger::settle(ledger, None);
        let unsettled = settled.unsettled.iter().map(|one| one.sentence(ledger)).collect();
        let interval = file.header.sample_interval;
        let mut groups = Groups::new(ledger);
        let mut has_sample = false;
        for (&site, counters) in &settled.sites {
            let declared = ledger.sites.get(site);
            if declared.is_some_and(|declared| declared.has(site::FLAG_SAMPLED)) {
                has_sample = true;
                let (_, all) = samples(counters, interval);
                let sample = groups.of(site).sample.get_or_insert_default();
                sample.live.add(&all);
                sample.all.add(&all);
            } else {
                let count = |word: usize| counters[word] as i64;
                let (bytes, blocks) = (site::ALLOCATED_BYTES, site::ALLOCATED_BLOCKS);
                groups.of(site).add(count(bytes), count(blocks));
            }
        }
        if has_sample {
            // What no site has is what was not sampled: its sample stands for it.
            return Self { unsettled, ..groups.end(Source::Samples, interval) };
        }
        for (&tag, &[bytes, blocks, ..]) in &settled.stackless {
            groups.of(tag).add(bytes, blocks);
        }
        Self { unsettled, ..groups.end(Source::Counters, 1) }
    }
}
