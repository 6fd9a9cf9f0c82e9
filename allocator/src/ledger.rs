//! The counters: what each thread allocated and freed per tag, and the peaks.
//!
//! A cell is written by its slot's thread alone, by plain relaxed loads and
//! stores; those of the orphan slot by atomic read-modify-write. Live figures
//! and sums are derived by readers.
//!
//! A peak needs a total, which no thread alone has. A thread publishes its
//! delta to the tag's and the process's totals once it exceeds a quantum, and
//! keeps the greatest delta in between. So a peak is exact while no other
//! thread holds an unpublished delta, else within threads × quantum.

use core::sync::atomic::{AtomicU64, Ordering};

use scrubjay_log_format::cell::{
    ALLOCATED_BLOCKS, ALLOCATED_BYTES, FREED_BLOCKS, FREED_BYTES, HIGH, LOW, PUBLISHED,
};
use scrubjay_log_format::{external, process, tag as tag_format, thread as thread_format};

use crate::limits::{GROUPS_MAX, QUANTUM_MAX, QUANTUM_MIN, QUANTUM_SHIFT, TAGS_PER_GROUP};
use crate::site::peaks;
use crate::store::{Cell, Store, ThreadWords, TotalsWords};
use crate::thread::Slot;
use crate::writer::{Shared, Writer};
use crate::{clock, frames};

#[inline(always)]
fn signed(word: &AtomicU64) -> i64 {
    word.load(Ordering::Relaxed) as i64
}

#[inline(always)]
fn set(word: &AtomicU64, value: i64) {
    word.store(value as u64, Ordering::Relaxed);
}

/// Counts a block in. True if a delta is to be published.
#[inline(always)]
pub(crate) fn count_alloc<W: Writer>(cell: &Cell, words: &ThreadWords, size: u64) -> bool {
    let allocated = W::add(&cell[ALLOCATED_BYTES], size);
    W::add(&cell[ALLOCATED_BLOCKS], 1);
    let live = allocated.wrapping_sub(cell[FREED_BYTES].load(Ordering::Relaxed)) as i64;
    let process_live = W::add(&words[thread_format::LIVE], size) as i64;
    let mut due = false;
    if live > signed(&cell[HIGH]) {
        set(&cell[HIGH], live);
        due = exceeds(live, &cell[PUBLISHED], &cell[LOW]);
    }
    if process_live > signed(&words[thread_format::HIGH]) {
        set(&words[thread_format::HIGH], process_live);
        let low = &words[thread_format::LOW];
        due |= exceeds(process_live, &words[thread_format::PUBLISHED], low);
    }
    due
}

/// Whether a figure is a quantum above what was published; the quantum is how
/// far `low` lies below it.
#[inline(always)]
fn exceeds(live: i64, published: &AtomicU64, low: &AtomicU64) -> bool {
    let published = signed(published);
    live.wrapping_sub(published) > published.wrapping_sub(signed(low))
}

/// Counts a block out. True if a delta is to be published.
#[inline(always)]
pub(crate) fn count_free<W: Writer>(cell: &Cell, words: &ThreadWords, size: u64) -> bool {
    let freed = W::add(&cell[FREED_BYTES], size);
    W::add(&cell[FREED_BLOCKS], 1);
    let live = cell[ALLOCATED_BYTES].load(Ordering::Relaxed).wrapping_sub(freed) as i64;
    let process_live = W::add(&words[thread_format::LIVE], size.wrapping_neg()) as i64;
    live < signed(&cell[LOW]) || process_live < signed(&words[thread_format::LOW])
}

fn quantum(live: i64) -> i64 {
    (live >> QUANTUM_SHIFT).clamp(QUANTUM_MIN, QUANTUM_MAX)
}

/// Publishes the deltas of one tag and of the process, and writes the frames
/// that are due.
#[cold]
#[inline(never)]
pub(crate) fn publish(slot: &Slot, cell: &Cell, tag: u32) {
    let (Some(store), Some(words)) = (slot.store(), slot.words()) else { return };
    publish_tag(store, cell, tag);
    let (live, is_peak) = publish_process(store, words);
    if is_peak {
        publish_tags(slot, store);
        frames::write_peak(store, live);
    }
    frames::write_if_due(store);
}

/// Publishes everything that a slot holds back: at a thread's end, and before
/// somebody reads totals.
pub(crate) fn publish_all(slot: &Slot) {
    let (Some(store), Some(words)) = (slot.store(), slot.words()) else { return };
    publish_tags(slot, store);
    publish_process(store, words);
}

fn publish_tags(slot: &Slot, store: &Store) {
    for group in 0..GROUPS_MAX as u32 {
        if slot.page(group).is_none() {
            continue;
        }
        for tag in group * TAGS_PER_GROUP as u32..(group + 1) * TAGS_PER_GROUP as u32 {
            if let Some(cell) = slot.cell(tag)
                && live_of(cell) != signed(&cell[PUBLISHED])
            {
                publish_tag(store, cell, tag);
            }
        }
    }
}

fn live_of(cell: &Cell) -> i64 {
    let allocated = cell[ALLOCATED_BYTES].load(Ordering::Relaxed);
    allocated.wrapping_sub(cell[FREED_BYTES].load(Ordering::Relaxed)) as i64
}

/// Publishes a cell's delta to its tag's totals.
pub(crate) fn publish_tag(store: &Store, cell: &Cell, tag: u32) {
    let Some(totals) = store.totals(tag) else { return };
    let [live, peak, ticks, quantum] = totals_places(totals);
    let marks = [&cell[HIGH], &cell[LOW], &cell[PUBLISHED]];
    let (live, is_peak) = publish_delta(live_of(cell), marks, [live, peak, ticks, quantum]);
    if is_peak {
        peaks::note_tag(store, tag, live);
    }
}

fn totals_places(totals: &TotalsWords) -> [&AtomicU64; 4] {
    [
        &totals[tag_format::LIVE],
        &totals[tag_format::PEAK],
        &totals[tag_format::PEAK_TICKS],
        &totals[tag_format::QUANTUM],
    ]
}

/// Publishes a slot's delta to the process's totals. Answers the total, and
/// whether it is a peak.
pub(crate) fn publish_process(store: &Store, words: &ThreadWords) -> (i64, bool) {
    let process = store.process();
    let marks =
        [&words[thread_format::HIGH], &words[thread_format::LOW], &words[thread_format::PUBLISHED]];
    let totals = [
        &process[process::LIVE],
        &process[process::PEAK],
        &process[process::PEAK_TICKS],
        &process[process::QUANTUM],
    ];
    publish_delta(signed(&words[thread_format::LIVE]), marks, totals)
}

fn publish_delta(
    own_live: i64,
    [high, low, published]: [&AtomicU64; 3],
    [live, peak, ticks, quantum_place]: [&AtomicU64; 4],
) -> (i64, bool) {
    let before_own = signed(published);
    let delta = own_live.wrapping_sub(before_own);
    let before = live.fetch_add(delta as u64, Ordering::Relaxed) as i64;
    let now = before.wrapping_add(delta);
    // The greatest total since the last publication, as far as this thread
    // alone moved it.
    let candidate = before.wrapping_add(signed(high).wrapping_sub(before_own)).max(now);
    let is_peak = candidate > peak.load(Ordering::Relaxed) as i64;
    if is_peak {
        peak.fetch_max(candidate as u64, Ordering::Relaxed);
        ticks.store(clock::ticks(), Ordering::Relaxed);
    }
    let quantum = quantum(now);
    quantum_place.fetch_max(quantum as u64, Ordering::Relaxed);
    set(published, own_live);
    set(high, own_live);
    set(low, own_live.wrapping_sub(quantum));
    (now, is_peak && candidate == now)
}

/// Publishes what an orphan did, at once: nobody keeps a delta for them.
pub(crate) fn publish_orphan(
    store: &'static Store,
    cell: &Cell,
    words: &ThreadWords,
    tag: u32,
    delta: i64,
) {
    Shared::add(&cell[PUBLISHED], delta as u64);
    Shared::add(&words[thread_format::PUBLISHED], delta as u64);
    add_live(store, tag, delta);
}

/// Adds to the totals of a tag and of the process what no slot has.
pub(crate) fn add_live(store: &Store, tag: u32, delta: i64) {
    let process = store.process();
    let live = Shared::add(&process[process::LIVE], delta as u64) as i64;
    if live > 0 && process[process::PEAK].fetch_max(live as u64, Ordering::Relaxed) < live as u64 {
        process[process::PEAK_TICKS].store(clock::ticks(), Ordering::Relaxed);
    }
    if let Some(totals) = store.totals(tag) {
        let live = Shared::add(&totals[tag_format::LIVE], delta as u64) as i64;
        let peak = &totals[tag_format::PEAK];
        if live > 0 && peak.fetch_max(live as u64, Ordering::Relaxed) < live as u64 {
            totals[tag_format::PEAK_TICKS].store(clock::ticks(), Ordering::Relaxed);
        }
    }
}

/// Counts memory that no allocator sees. The caller holds the lock on tags, since a
/// log that starts late copies it.
pub(crate) fn count_external(store: &Store, tag: u32, delta: i64) {
    if let Some(words) = store.external_or_take(tag) {
        let bytes = Shared::add(&words[external::BYTES], delta as u64);
        words[external::PEAK].fetch_max(bytes, Ordering::Relaxed);
    }
    add_live(store, tag, delta);
}

/// How many bytes a tag has that no allocator sees, and had at most.
pub(crate) fn external_bytes(store: &Store, tag: u32) -> [u64; 2] {
    let words = store.external(tag);
    [external::BYTES, external::PEAK]
        .map(|word| words.map_or(0, |words| words[word].load(Ordering::Relaxed)))
}

/// Counts in another store what no allocator sees: in a log that starts late, and in
/// a forked child's. The caller holds the lock on tags, or is alone.
pub(crate) fn copy_external(from: &Store, to: &Store, tag_count: u32) {
    for tag in 0..tag_count {
        let [bytes, peak] = external_bytes(from, tag);
        if peak > 0 {
            count_external(to, tag, bytes as i64);
            if let Some(words) = to.external_or_take(tag) {
                words[external::PEAK].fetch_max(peak, Ordering::Relaxed);
            }
        }
    }
}
