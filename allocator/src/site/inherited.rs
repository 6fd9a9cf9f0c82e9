//! What was live of each site when the process forked: the child cannot read it
//! later, since its parent goes on counting in a shared file.

use core::sync::atomic::{AtomicU64, Ordering};

use scrubjay_log_format::process;
use scrubjay_log_format::site::{
    ALLOCATED_BLOCKS, ALLOCATED_BYTES, ESTIMATED_ALLOCATED_BLOCKS, ESTIMATED_ALLOCATED_BYTES,
    ESTIMATED_FREED_BLOCKS, ESTIMATED_FREED_BYTES, FIRST, FREED_BLOCKS, FREED_BYTES,
    INHERITED_BLOCKS, INHERITED_BYTES, VARIANCE_ALLOCATED_BLOCKS, VARIANCE_ALLOCATED_BYTES,
    VARIANCE_FREED_BLOCKS, VARIANCE_FREED_BYTES,
};

use crate::limits::SITES_MAX;
use crate::published::Published;
use crate::store::{self, Store};
use crate::{os, thread};

use super::counters;

/// What is noted of a site: where it is added, where it is taken away, and
/// where the child finds the difference. Of a sample's estimates the difference
/// is what the child has allocated: there is no other word for it.
const FIGURES: [(usize, usize, usize); 6] = [
    (ALLOCATED_BYTES, FREED_BYTES, INHERITED_BYTES),
    (ALLOCATED_BLOCKS, FREED_BLOCKS, INHERITED_BLOCKS),
    (ESTIMATED_ALLOCATED_BYTES, ESTIMATED_FREED_BYTES, ESTIMATED_ALLOCATED_BYTES),
    (ESTIMATED_ALLOCATED_BLOCKS, ESTIMATED_FREED_BLOCKS, ESTIMATED_ALLOCATED_BLOCKS),
    (VARIANCE_ALLOCATED_BYTES, VARIANCE_FREED_BYTES, VARIANCE_ALLOCATED_BYTES),
    (VARIANCE_ALLOCATED_BLOCKS, VARIANCE_FREED_BLOCKS, VARIANCE_ALLOCATED_BLOCKS),
];

type Noted = [AtomicU64; FIGURES.len()];

/// By site, made at the first fork. Pages that nobody wrote take no memory.
static AT_FORK: Published<[Noted; SITES_MAX]> = Published::empty();

/// Notes what is live now. Costs some nanoseconds a site and a thread.
pub(crate) fn note() {
    let count = super::count();
    let Some(store) = store::current().filter(|_| count > FIRST) else { return };
    let Some(noted) = AT_FORK.get().or_else(make) else { return };
    for site in FIRST..count {
        let Some(counters) = store.site_counters(site) else { continue };
        let word = |index: usize| counters[index].load(Ordering::Relaxed);
        for (place, (added, taken, inherited)) in noted[site as usize].iter().zip(FIGURES) {
            let before = if inherited == added { 0 } else { word(inherited) };
            let live = word(added).wrapping_sub(word(taken)).wrapping_add(before);
            place.store(live, Ordering::Relaxed);
        }
    }
    for slot in thread::used() {
        counters::each_cached(
            slot,
            |site, [allocated_bytes, allocated_blocks, freed_bytes, freed_blocks]| {
                let Some([bytes, blocks, ..]) = noted.get(site as usize) else { return };
                bytes.fetch_add(allocated_bytes.wrapping_sub(freed_bytes), Ordering::Relaxed);
                blocks.fetch_add(allocated_blocks.wrapping_sub(freed_blocks), Ordering::Relaxed);
            },
        );
    }
}

fn make() -> Option<&'static [Noted; SITES_MAX]> {
    let place: *mut [Noted; SITES_MAX] = os::map_private(size_of::<[Noted; SITES_MAX]>()).cast();
    // SAFETY: the mapping is fresh and never undone, and zeros are valid for
    // atomics.
    let noted = unsafe { place.as_ref() }?;
    AT_FORK.set(noted);
    Some(noted)
}

/// Hands what was noted on to the store of the forked child.
pub(crate) fn hand_on(store: &Store) {
    store.process()[process::SITE_INHERITED_END].store(super::count().into(), Ordering::Relaxed);
    let Some(noted) = AT_FORK.get() else { return };
    for site in FIRST..super::count() {
        let Some(counters) = store.site_counters(site) else { continue };
        for (place, (_, _, inherited)) in noted[site as usize].iter().zip(FIGURES) {
            counters[inherited].store(place.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}
