//! What came from each site: counters that all threads share, and each
//! thread's cache in front of them, so that threads do not fight over them.
//!
//! Both stand in the log. An entry of the cache is moved to its site's counters
//! when another site needs its place; a mark says which counter is being moved,
//! so that after a kill a reader knows which one may have been counted twice.

use core::sync::atomic::{AtomicU64, Ordering, compiler_fence};

use scrubjay_log_format::site::{
    ALLOCATED_BLOCKS, ALLOCATED_BYTES, CACHE_ENTRY_WORDS, CACHE_HEADER_SIZE, CACHE_PAGE_ENTRIES,
    CACHE_PAGES, CachePageOwner, CachedSite, ESTIMATED_ALLOCATED_BLOCKS, ESTIMATED_ALLOCATED_BYTES,
    ESTIMATED_FREED_BLOCKS, ESTIMATED_FREED_BYTES, FREED_BLOCKS, FREED_BYTES,
    VARIANCE_ALLOCATED_BLOCKS, VARIANCE_ALLOCATED_BYTES, VARIANCE_FREED_BLOCKS,
    VARIANCE_FREED_BYTES, Weight,
};
use scrubjay_log_format::{process, site};

use crate::published::Published;
use crate::store::{self, SiteCounters, SitePage, Store};
use crate::thread::{ORPHANS, Slot};

/// What happened to a block of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was allocated.
    Allocated,
    /// It was freed.
    Freed,
}

type Entry = [AtomicU64; CACHE_ENTRY_WORDS];

/// Counts a block in or out. The site is not a tag's own.
#[inline(always)]
pub(crate) fn count(slot: &Slot, site: u32, change: Change, size: u64) {
    if let Some(page) = slot.site_page(page_of(site)) {
        let entry = entry_of(page, site);
        // Outside a move the head is nothing but the site.
        if entry[0].load(Ordering::Relaxed) == u64::from(site) && !super::is_sample(site) {
            add_own(entry, change, size);
            return;
        }
    }
    count_rarely(slot, site, change, size);
}

#[inline(always)]
fn page_of(site: u32) -> u32 {
    site / CACHE_PAGE_ENTRIES as u32 % CACHE_PAGES
}

#[inline(always)]
fn entry_of(page: &SitePage, site: u32) -> &Entry {
    let (entries, _) = page[CACHE_HEADER_SIZE / 8..].as_chunks();
    &entries[site as usize % CACHE_PAGE_ENTRIES]
}

/// Where the counters of a change stand: bytes, then blocks.
#[inline(always)]
fn places(change: Change) -> [usize; 2] {
    match change {
        Change::Allocated => [ALLOCATED_BYTES, ALLOCATED_BLOCKS],
        Change::Freed => [FREED_BYTES, FREED_BLOCKS],
    }
}

#[inline(always)]
fn add_own(entry: &Entry, change: Change, size: u64) {
    let [bytes, blocks] = places(change);
    for (index, value) in [(bytes, size), (blocks, 1)] {
        let word = &entry[1 + index];
        word.store(word.load(Ordering::Relaxed).wrapping_add(value), Ordering::Relaxed);
    }
}

/// An entry that is another site's, a page that is not there yet, a sample,
/// an orphan.
#[cold]
#[inline(never)]
fn count_rarely(slot: &Slot, site: u32, change: Change, size: u64) {
    if super::is_sample(site) {
        count_sample(site, change, size);
        return;
    }
    let page = slot.site_page(page_of(site)).or_else(|| take_page(slot, page_of(site)));
    let Some(page) = page else {
        if let Some(counters) = shared(site) {
            let [bytes, blocks] = places(change);
            counters[bytes].fetch_add(size, Ordering::Relaxed);
            counters[blocks].fetch_add(1, Ordering::Relaxed);
        }
        return;
    };
    let entry = entry_of(page, site);
    if entry[0].load(Ordering::Relaxed) != u64::from(site) {
        flush(entry);
        entry[0].store(site.into(), Ordering::Release);
    }
    add_own(entry, change, size);
}

/// Takes a page of the slot's cache; none for the orphan slot, which is many
/// threads'.
fn take_page(slot: &Slot, page: u32) -> Option<&'static SitePage> {
    if slot.index() == ORPHANS {
        return None;
    }
    let store = slot.store()?;
    let Some(words) = store.take_site_page() else {
        store.process()[process::SITE_CACHE_OVERFLOW_COUNT].fetch_add(1, Ordering::Relaxed);
        return None;
    };
    words[0].store(CachePageOwner { slot: slot.index(), page }.encode(), Ordering::Release);
    slot.set_site_page(page, Some(words));
    Some(words)
}

/// A site's counters in the store in force, also for a slot that still records
/// in that of before: they are the process's.
fn shared(site: u32) -> Option<&'static SiteCounters> {
    store::current()?.site_counters(site)
}

/// Moves an entry to its site's counters.
fn flush(entry: &Entry) {
    let site = entry[0].load(Ordering::Relaxed) as u32;
    if site == 0 {
        return;
    }
    let Some(counters) = shared(site) else { return };
    for (index, word) in entry[1..].iter().enumerate() {
        let value = word.load(Ordering::Relaxed);
        if value == 0 {
            continue;
        }
        entry[0].store(CachedSite::encode_head(site, Some(index as u32)), Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        counters[index].fetch_add(value, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }
    // From here on it counts for nothing.
    entry[0].store(0, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    for word in &entry[1..] {
        word.store(0, Ordering::Relaxed);
    }
    compiler_fence(Ordering::SeqCst);
}

/// Moves a slot's whole cache, which the slot then forgets: its store is not
/// the one in force any more.
pub(crate) fn flush_all(slot: &Slot) {
    for page in 0..CACHE_PAGES {
        let Some(words) = slot.site_page(page) else { continue };
        let (entries, _) = words[CACHE_HEADER_SIZE / 8..].as_chunks::<CACHE_ENTRY_WORDS>();
        entries.iter().for_each(flush);
        slot.set_site_page(page, None);
    }
}

/// Calls `then` with each site of a slot's cache and its first four counters.
pub(super) fn each_cached(slot: &Slot, mut then: impl FnMut(u32, [u64; 4])) {
    for words in (0..CACHE_PAGES).filter_map(|page| slot.site_page(page)) {
        let (entries, _) = words[CACHE_HEADER_SIZE / 8..].as_chunks::<CACHE_ENTRY_WORDS>();
        for entry in entries {
            let site = entry[0].load(Ordering::Relaxed) as u32;
            if site != 0 {
                then(site, [1, 2, 3, 4].map(|word| entry[word].load(Ordering::Relaxed)));
            }
        }
    }
}

/// Counts a block of a sample, with its weight.
fn count_sample(site: u32, change: Change, size: u64) {
    let Some(store) = store::current() else { return };
    let Some(counters) = store.site_counters(site) else { return };
    let weight = Weight::of(size, store.config().sample_interval);
    let estimates = match change {
        Change::Allocated => [
            ESTIMATED_ALLOCATED_BYTES,
            ESTIMATED_ALLOCATED_BLOCKS,
            VARIANCE_ALLOCATED_BYTES,
            VARIANCE_ALLOCATED_BLOCKS,
        ],
        Change::Freed => [
            ESTIMATED_FREED_BYTES,
            ESTIMATED_FREED_BLOCKS,
            VARIANCE_FREED_BYTES,
            VARIANCE_FREED_BLOCKS,
        ],
    };
    let values = [weight.bytes, weight.blocks, weight.variance_bytes, weight.variance_blocks];
    let [bytes, blocks] = places(change);
    counters[bytes].fetch_add(size, Ordering::Relaxed);
    counters[blocks].fetch_add(1, Ordering::Relaxed);
    for (index, value) in estimates.into_iter().zip(values) {
        counters[index].fetch_add(value, Ordering::Relaxed);
    }
}

/// The store of before a late start, to whose counters a thread may have added
/// after they were moved.
static BEFORE: Published<Store> = Published::empty();

/// Moves the shared counters of a store that is not in force any more to those
/// of the one that is.
pub(crate) fn move_shared(from: &'static Store, to: &Store) {
    BEFORE.set(from);
    move_rest(to);
}

/// Moves what was added to the store of before a late start since.
pub(crate) fn move_rest(to: &Store) {
    let Some(from) = BEFORE.get() else { return };
    for index in site::FIRST..super::count() {
        let (Some(from), Some(to)) = (from.site_counters(index), to.site_counters(index)) else {
            continue;
        };
        for (from, to) in from.iter().zip(to) {
            to.fetch_add(from.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}
