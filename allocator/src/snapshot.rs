//! The ledger's figures at one moment, added up for the program itself.

use core::sync::atomic::Ordering;

use scrubjay_log_format::cell::{self, WORD_COUNT};
use scrubjay_log_format::{TagClass, frame, process, tag as tag_format, thread as thread_format};

use crate::config::Config;
use crate::limits::TAGS_PER_GROUP;
use crate::report::{Report, TagStats};
use crate::store::Store;
use crate::thread::Slot;
use crate::{ledger, owner, process as life, tag, thread};

/// What each tag holds now. Allocates; costs some µs and about 5 ns a thread
/// and tag.
pub fn tags() -> Vec<TagStats> {
    Report::now().tags
}

impl Report {
    /// Takes a snapshot. Allocates (the report itself, under the caller's
    /// tag) and never blocks.
    pub fn now() -> Self {
        let Some(store) = life::begin_now(&Config::new()) else { return Self::empty() };
        let sums = sums();
        let mut total = [0_u64; WORD_COUNT];
        let mut inherited = [0_u64; 2];
        let mut external_total = 0;
        let mut tags = Vec::with_capacity(sums.len());
        for (index, sum) in sums.iter().enumerate() {
            let index = index as u32;
            let own = inherited_by(store, index);
            for (total, word) in total.iter_mut().zip(sum) {
                *total = total.wrapping_add(*word);
            }
            inherited = [inherited[0] + own[0], inherited[1] + own[1]];
            let peak = peak_of(store, index);
            let name = tag::name_or_unknown(index);
            let is_secret = tag::class(index) == TagClass::Secret;
            let [external_bytes, _] = ledger::external_bytes(store, index);
            external_total += external_bytes;
            let stats = TagStats::new(name, is_secret, sum, own, peak);
            tags.push(TagStats { external_bytes, ..stats });
        }
        let words = store.process();
        let word = |index: usize| words[index].load(Ordering::Relaxed);
        let threads = thread::live_count();
        let most = word(process::THREAD_LIVE_MAX);
        let sum = TagStats::new("total", false, &total, inherited, process_peak(store));
        Self {
            total: TagStats { external_bytes: external_total, ..sum },
            tags,
            peak_tags: peak_tags(store),
            peak_bound_bytes: if most > 1 { most * word(process::QUANTUM) } else { 0 },
            thread_count: threads,
            corruption_count: word(process::CORRUPTION_COUNT),
            lease_overflow_count: owner::overflow_count(),
        }
    }
}

/// Sums of each tag's cells over all slots. Frees are read before allocations,
/// so that no live figure is negative.
fn sums() -> Vec<[u64; WORD_COUNT]> {
    let count = tag::count() as usize;
    let mut sums = vec![[0_u64; WORD_COUNT]; count];
    let late = [cell::ALLOCATED_BYTES, cell::ALLOCATED_BLOCKS];
    for pass in [false, true] {
        for slot in thread::used() {
            for (index, sum) in sums.iter_mut().enumerate() {
                let Some(cell) = slot.cell(index as u32) else { continue };
                for (word, sum) in sum.iter_mut().enumerate() {
                    if late.contains(&word) == pass {
                        *sum = sum.wrapping_add(cell[word].load(Ordering::Acquire));
                    }
                }
            }
        }
    }
    sums
}

fn inherited_by(store: &'static Store, index: u32) -> [u64; 2] {
    store.totals(index).map_or([0, 0], |totals| {
        [tag_format::INHERITED_BYTES, tag_format::INHERITED_BLOCKS]
            .map(|word| totals[word].load(Ordering::Relaxed))
    })
}

/// A tag's peak: the published one, or what a slot holds back above it.
fn peak_of(store: &'static Store, index: u32) -> u64 {
    let Some(totals) = store.totals(index) else { return 0 };
    let [peak, live] =
        [tag_format::PEAK, tag_format::LIVE].map(|word| totals[word].load(Ordering::Relaxed));
    let held_back = thread::used()
        .filter(|slot| slot.index() != thread::ORPHANS)
        .filter_map(|slot| slot.cell(index))
        .map(|cell| {
            let [high, published] =
                [cell::HIGH, cell::PUBLISHED].map(|word| cell[word].load(Ordering::Relaxed));
            high.wrapping_sub(published) as i64
        });
    highest(peak, live, held_back)
}

fn process_peak(store: &'static Store) -> u64 {
    let words = store.process();
    let [peak, live] =
        [process::PEAK, process::LIVE].map(|word| words[word].load(Ordering::Relaxed));
    let held_back = thread::used()
        .filter(|slot| slot.index() != thread::ORPHANS)
        .filter_map(Slot::words)
        .map(|words| {
            let [high, published] = [thread_format::HIGH, thread_format::PUBLISHED]
                .map(|word| words[word].load(Ordering::Relaxed));
            high.wrapping_sub(published) as i64
        });
    highest(peak, live, held_back)
}

fn highest(peak: u64, live: u64, held_back: impl Iterator<Item = i64>) -> u64 {
    let candidate = (live as i64).wrapping_add(held_back.max().unwrap_or(0));
    peak.max(candidate.max(0) as u64)
}

fn peak_tags(store: &'static Store) -> Vec<(&'static str, u64)> {
    let newest = store.process()[process::PEAK_FRAME].load(Ordering::Acquire);
    let Some(slot) = newest.checked_sub(1).map(|slot| slot as u32) else { return Vec::new() };
    let groups = store.moment(slot).map_or(0, |moment| {
        moment[frame::GROUP_COUNT].load(Ordering::Acquire).min(tag::group_count().into()) as u32
    });
    let mut tags: Vec<(&'static str, u64)> = (0..groups)
        .filter_map(|group| Some((group, store.row(slot, group)?)))
        .flat_map(|(group, row)| {
            row.iter().enumerate().filter_map(move |(place, word)| {
                let live = word.load(Ordering::Relaxed) as i64;
                let name = tag::name(group * TAGS_PER_GROUP as u32 + place as u32)?;
                (live > 0).then_some((name, live as u64))
            })
        })
        .collect();
    tags.sort_by_key(|&(name, bytes)| (core::cmp::Reverse(bytes), name));
    tags
}
