//! The live blocks of watched tags, each with its birth: a hash table in the
//! log, so that a reader finds them after a kill, too.
//!
//! The table has levels, each twice as large as the one below. An address has
//! one bucket of a few records in each, and its block stands in the first that
//! has room; a removal leaves no gap to be closed. Nobody waits: a record is
//! taken by a compare-exchange.

use core::sync::atomic::{Ordering, fence};

use scrubjay_log_format::registry::{
    ADDRESS, BLOCK_SIZE, BORN_TICKS, CLAIMED, RECORD_COUNT_MAX, SITE,
};
use scrubjay_log_format::tag::UNREGISTERED_BLOCKS;

use crate::clock;
use crate::published::Published;
use crate::site;
use crate::store::{self, RegistryWords, Store};

/// Records of the lowest level.
const LEVEL_SIZE_MIN: u32 = 1024;
const LEVEL_COUNT: u32 = 10;
/// Records of an address in each level.
const BUCKET_SIZE: u32 = 8;

const _: () = assert!(LEVEL_SIZE_MIN * ((1 << LEVEL_COUNT) - 1) == RECORD_COUNT_MAX);

/// The store of before a late start, from which the blocks are moved.
static BEFORE: Published<Store> = Published::empty();

/// The records of an address in one level.
fn bucket(level: u32, address: u64) -> core::ops::Range<u32> {
    let start = LEVEL_SIZE_MIN * ((1 << level) - 1);
    let buckets = (LEVEL_SIZE_MIN << level) / BUCKET_SIZE;
    // Fibonacci hashing (Knuth, TAOCP 3, 6.4).
    let hash = (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32;
    let first = start + (hash >> (u32::BITS - buckets.trailing_zeros())) * BUCKET_SIZE;
    first..first + BUCKET_SIZE
}

/// Enters a block that was just allocated.
pub(crate) fn add(address: usize, size: usize, site: u32) {
    add_born(address, size, site, clock::ticks());
}

fn add_born(address: usize, size: usize, site: u32, born: u64) {
    let Some(mut store) = store::current() else { return };
    insert(store, address as u64, size as u64, site, born);
    // A log that starts meanwhile may have passed this record already.
    while let Some(now) = store::current().filter(|now| now.epoch() != store.epoch()) {
        store = now;
        if records(store, address as u64).next().is_none() {
            insert(store, address as u64, size as u64, site, born);
        }
    }
}

fn insert(store: &Store, address: u64, size: u64, site: u32, born: u64) {
    for level in 0..LEVEL_COUNT {
        for index in bucket(level, address) {
            let Some(record) = store.registered_or_take(index) else { break };
            let place = &record[ADDRESS];
            if place.load(Ordering::Relaxed) != 0
                || place.compare_exchange(0, CLAIMED, Ordering::Acquire, Ordering::Relaxed).is_err()
            {
                continue;
            }
            record[SITE].store(site.into(), Ordering::Relaxed);
            record[BLOCK_SIZE].store(size, Ordering::Relaxed);
            record[BORN_TICKS].store(born, Ordering::Relaxed);
            store.registry_levels().fetch_max(level + 1, Ordering::Relaxed);
            place.store(address, Ordering::Release);
            return;
        }
    }
    if let Some(totals) = store.totals(site::tag_of(site)) {
        totals[UNREGISTERED_BLOCKS].fetch_add(1, Ordering::Relaxed);
    }
}

/// The records that an address has. More than one only while a log starts.
fn records(store: &Store, address: u64) -> impl Iterator<Item = &'static RegistryWords> {
    (0..store.registry_levels().load(Ordering::Relaxed))
        .flat_map(move |level| bucket(level, address))
        .filter_map(|index| store.registered(index))
        .filter(move |record| record[ADDRESS].load(Ordering::Acquire) == address)
}

/// Does something to all records of an address, also to those that a log which
/// starts meanwhile has copied.
fn each_record(address: u64, mut then: impl FnMut(&RegistryWords)) {
    if let Some(before) = BEFORE.get() {
        records(before, address).for_each(&mut then);
    }
    let mut done = 0;
    while let Some(store) = store::current().filter(|store| store.epoch() != done) {
        records(store, address).for_each(&mut then);
        done = store.epoch();
        // Against `move_all`, which puts the new store in force, reads the old
        // one, writes the new one, and reads again.
        fence(Ordering::SeqCst);
    }
}

/// Takes a block out that is about to be released. One that is older than this
/// process, or found no room, is not there.
pub(crate) fn remove(address: usize) {
    each_record(address as u64, |record| record[ADDRESS].store(0, Ordering::Release));
}

/// A block was reallocated: it is as old as it was, and if that is not known it
/// stays so.
pub(crate) fn replace(old: usize, new: (usize, usize), site: u32) {
    let mut born = None;
    each_record(old as u64, |record| {
        born = Some(record[BORN_TICKS].load(Ordering::Relaxed));
        if old == new.0 {
            record[SITE].store(site.into(), Ordering::Relaxed);
            record[BLOCK_SIZE].store(new.1 as u64, Ordering::Relaxed);
        }
    });
    if let Some(born) = born.filter(|_| old != new.0) {
        add_born(new.0, new.1, site, born);
        remove(old);
    }
}

/// Has removals look into the store of before a late start, too, from before
/// the new one is in force.
pub(crate) fn begin_move(before: &'static Store) {
    BEFORE.set(before);
}

/// Moves what is in the store of before a late start into the new one, which
/// is in force by now.
pub(crate) fn move_all(before: &'static Store, store: &'static Store) {
    let levels = before.registry_levels().load(Ordering::Relaxed);
    for record in
        (0..LEVEL_SIZE_MIN * ((1 << levels) - 1)).filter_map(|index| before.registered(index))
    {
        let address = record[ADDRESS].load(Ordering::Acquire);
        if address <= CLAIMED || records(store, address).next().is_some() {
            continue;
        }
        let [site, size, born] =
            [SITE, BLOCK_SIZE, BORN_TICKS].map(|word| record[word].load(Ordering::Relaxed));
        insert(store, address, size, site as u32, born);
        fence(Ordering::SeqCst);
        // By somebody who did not find it in the new store yet.
        let is_released = record[ADDRESS].load(Ordering::Relaxed) != address;
        let size_now = record[BLOCK_SIZE].load(Ordering::Relaxed);
        let copies = records(store, address);
        for copy in copies.filter(|copy| copy[BORN_TICKS].load(Ordering::Relaxed) == born) {
            if is_released {
                copy[ADDRESS].store(0, Ordering::Release);
            } else if size_now != size {
                copy[BLOCK_SIZE].store(size_now, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buckets_of_an_address_lie_in_their_levels() {
        for address in (0x7f00_0000_0000_u64..).step_by(16).take(10_000) {
            for level in 0..LEVEL_COUNT {
                let start = LEVEL_SIZE_MIN * ((1 << level) - 1);
                let bucket = bucket(level, address);
                assert!(bucket.start >= start && bucket.end <= start + (LEVEL_SIZE_MIN << level));
                assert!(bucket.end <= RECORD_COUNT_MAX);
            }
        }
    }

    #[test]
    fn neighbours_spread_over_the_buckets() {
        let buckets: std::collections::BTreeSet<u32> =
            (0..1000_u64).map(|number| bucket(3, 0x7f00_0000_0000 + number * 48).start).collect();
        assert!(buckets.len() > 500, "{}", buckets.len());
    }
}
