//! What was live of each site at the process's peak, and at its tag's own.
//!
//! Noted when a peak has risen by a hundredth, by whoever publishes it. Exact
//! sites are read from their counters and from the caches of all threads, which
//! go on meanwhile: right within the bound of the peak itself.

use core::sync::atomic::{AtomicU64, Ordering};

use scrubjay_log_format::peak::{
    BLOCKS, BYTES, LIVE, PROCESS, SEQUENCE, TAG, TICKS, VARIANCE_BLOCKS, VARIANCE_BYTES,
};
use scrubjay_log_format::site::{
    ALLOCATED_BLOCKS, ALLOCATED_BYTES, ESTIMATED_ALLOCATED_BLOCKS, ESTIMATED_ALLOCATED_BYTES,
    ESTIMATED_FREED_BLOCKS, ESTIMATED_FREED_BYTES, FIRST, FREED_BLOCKS, FREED_BYTES,
    INHERITED_BLOCKS, INHERITED_BYTES, VARIANCE_ALLOCATED_BLOCKS, VARIANCE_ALLOCATED_BYTES,
    VARIANCE_FREED_BLOCKS, VARIANCE_FREED_BYTES,
};

use crate::control::control;
use crate::limits::PEAK_FRAME_RISE;
use crate::store::{SiteCounters, Store};
use crate::{clock, thread};

use super::counters;

/// Notes all sites at the process's peak, in the set of the frame that is about
/// to be put in force. The caller holds the lock on frames.
pub(crate) fn note_process(store: &Store, set: usize) {
    note(store, PROCESS[set % 2], FIRST..super::count(), |_| true);
}

/// Notes a tag's sites at its peak, once that has risen enough.
pub(crate) fn note_tag(store: &Store, tag: u32, live: i64) {
    if super::newest_of(tag).is_none() {
        return;
    }
    let Some(record) = store.tag_peak(tag) else { return };
    let sequence = record[SEQUENCE].load(Ordering::Relaxed);
    let before = record[LIVE[sequence as usize % 2]].load(Ordering::Relaxed) as i64;
    if live < before + before / PEAK_FRAME_RISE {
        return;
    }
    let Some(_guard) = control().frames.try_once() else { return };
    let next = sequence + 1;
    let set = next as usize % 2;
    if !note(store, TAG[set], super::all_of(tag), |site| super::tag_of(site) == tag) {
        return;
    }
    record[TICKS[set]].store(clock::ticks(), Ordering::Relaxed);
    record[LIVE[set]].store(live as u64, Ordering::Relaxed);
    record[SEQUENCE].store(next, Ordering::Release);
}

/// Notes what is live of some sites, in words from `set` on. False where they
/// have no counters: in a log that is about to start late.
fn note(
    store: &Store,
    set: usize,
    sites: impl Iterator<Item = u32>,
    is_one: impl Fn(u32) -> bool,
) -> bool {
    for site in sites {
        let (Some(counters), Some(record)) = (store.site_counters(site), store.site_peak(site))
        else {
            return false;
        };
        let live =
            if super::is_sample(site) { live_of_sample(counters) } else { live_of(counters) };
        for (word, value) in record[set..].iter().zip(live) {
            word.store(value, Ordering::Relaxed);
        }
    }
    for slot in thread::used() {
        counters::each_cached(slot, |site, counted| {
            let [allocated_bytes, allocated_blocks, freed_bytes, freed_blocks] = counted;
            let Some(record) = store.site_peak(site).filter(|_| is_one(site)) else { return };
            let bytes = allocated_bytes.wrapping_sub(freed_bytes);
            record[set + BYTES].fetch_add(bytes, Ordering::Relaxed);
            let blocks = allocated_blocks.wrapping_sub(freed_blocks);
            record[set + BLOCKS].fetch_add(blocks, Ordering::Relaxed);
        });
    }
    true
}

/// What is live of a site, but for what threads' caches have of it.
pub(crate) fn live_bytes(store: &Store, site: u32) -> u64 {
    let Some(counters) = store.site_counters(site) else { return 0 };
    let live = if super::is_sample(site) { live_of_sample(counters) } else { live_of(counters) };
    live[BYTES]
}

fn difference(counters: &SiteCounters, added: usize, taken: usize) -> u64 {
    let word = |index: usize| -> &AtomicU64 { &counters[index] };
    word(added).load(Ordering::Relaxed).wrapping_sub(word(taken).load(Ordering::Relaxed))
}

fn live_of(counters: &SiteCounters) -> [u64; 4] {
    let inherited = |index: usize| counters[index].load(Ordering::Relaxed);
    let mut live = [0; 4];
    live[BYTES] =
        difference(counters, ALLOCATED_BYTES, FREED_BYTES).wrapping_add(inherited(INHERITED_BYTES));
    live[BLOCKS] = difference(counters, ALLOCATED_BLOCKS, FREED_BLOCKS)
        .wrapping_add(inherited(INHERITED_BLOCKS));
    live
}

fn live_of_sample(counters: &SiteCounters) -> [u64; 4] {
    let mut live = [0; 4];
    for (index, added, taken) in [
        (BYTES, ESTIMATED_ALLOCATED_BYTES, ESTIMATED_FREED_BYTES),
        (BLOCKS, ESTIMATED_ALLOCATED_BLOCKS, ESTIMATED_FREED_BLOCKS),
        (VARIANCE_BYTES, VARIANCE_ALLOCATED_BYTES, VARIANCE_FREED_BYTES),
        (VARIANCE_BLOCKS, VARIANCE_ALLOCATED_BLOCKS, VARIANCE_FREED_BLOCKS),
    ] {
        live[index] = difference(counters, added, taken);
    }
    live
}
