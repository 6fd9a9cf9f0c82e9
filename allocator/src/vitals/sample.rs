//! One sample: asked of the kernel, the C library and the ledger, without
//! allocating.

use core::sync::atomic::Ordering;

use scrubjay_log_format::vitals::{self as format, WORD_COUNT};
use scrubjay_log_format::{cell, external, process, tag as tag_format};

use crate::limits::VITALS_MALLOC_MAX_NS;
use crate::listing::{decimal, each_line, value};
use crate::store::Store;
use crate::{cgroup, clock, heap, mapped, os, tag, thread};

use super::parts;

/// What is asked besides the figures that cost little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Nothing.
    Plain,
    /// What the resident bytes are made of.
    Parts,
    /// That, and the C library about its heap, for which locks of its are taken.
    Heap,
}

/// Bytes that are resident now: one cheap look, about 3 µs.
pub(crate) fn resident_now() -> Option<u64> {
    let mut pages = None;
    each_line(c"/proc/self/statm", &mut [0; 128], |line| {
        pages = line.split(|&byte| byte == b' ').nth(1).and_then(decimal);
    });
    pages?.checked_mul(os::page_size() as u64)
}

/// Takes a sample; its number is left to whoever writes it.
pub(super) fn take(store: Option<&Store>, detail: Detail) -> format::Vitals {
    let start = os::monotonic_ns();
    let mut words = [0; WORD_COUNT];
    words[format::TICKS] = clock::ticks();
    ask_for_process(&mut words);
    if let Some((minor, major)) = os::fault_counts() {
        words[format::MINOR_FAULT_COUNT] = minor;
        words[format::MAJOR_FAULT_COUNT] = major;
        words[format::KNOWN] |= format::KNOWS_FAULTS;
    }
    if let Some(group) = cgroup::memory() {
        words[format::CGROUP_VERSION] = group.version.into();
        words[format::CGROUP_USAGE] = group.usage;
        words[format::CGROUP_LIMIT] = group.limit.unwrap_or(format::NO_LIMIT);
    }
    ask_for_machine(&mut words);
    words[format::KEPT_BYTES] = mapped::kept_size() as u64;
    if let Some(store) = store {
        let published = store.process()[process::LIVE].load(Ordering::Relaxed);
        words[format::EXTERNAL_BYTES] = external(store);
        words[format::LIVE_BYTES] = published.saturating_sub(words[format::EXTERNAL_BYTES]);
        words[format::LOG_MAPPED_BYTES] = store.mapped_size();
    }
    if detail != Detail::Plain {
        ask_for_parts(store, detail, &mut words);
    }
    words[format::TOOK_NS] = os::monotonic_ns() - start;
    format::Vitals(words)
}

fn ask_for_process(words: &mut [u64; WORD_COUNT]) {
    const FIELDS: [(&[u8], usize); 7] = [
        (b"RssAnon", format::ANONYMOUS_BYTES),
        (b"RssFile", format::FILE_BYTES),
        (b"RssShmem", format::SHARED_BYTES),
        (b"VmHWM", format::GREATEST_BYTES),
        (b"VmSwap", format::SWAPPED_BYTES),
        (b"VmPTE", format::PAGE_TABLE_BYTES),
        (b"Threads", format::THREAD_COUNT),
    ];
    let mut found = 0;
    each_line(c"/proc/self/status", &mut [0; 2048], |line| {
        for (name, word) in FIELDS {
            if let Some(value) = value(line, name) {
                words[word] = value;
                found += 1;
            }
        }
    });
    if found == FIELDS.len() {
        words[format::KNOWN] |= format::KNOWS_PROCESS;
    }
}

fn ask_for_machine(words: &mut [u64; WORD_COUNT]) {
    let [mut all, mut available] = [None; 2];
    each_line(c"/proc/meminfo", &mut [0; 2048], |line| {
        all = all.or_else(|| value(line, b"MemTotal"));
        available = available.or_else(|| value(line, b"MemAvailable"));
    });
    if let (Some(all), Some(available)) = (all, available) {
        words[format::MACHINE_BYTES] = all;
        words[format::MACHINE_AVAILABLE_BYTES] = available;
        words[format::KNOWN] |= format::KNOWS_MACHINE;
    }
}

fn ask_for_parts(store: Option<&Store>, detail: Detail, words: &mut [u64; WORD_COUNT]) {
    let start = os::monotonic_ns();
    if parts::ask(words) {
        words[format::KNOWN] |= format::KNOWS_PARTS;
        // In the same moment, as nearly as can be.
        words[format::LARGE_LIVE_BYTES] = mapped::live_size() as u64;
        if let Some(store) = store {
            let [bytes, blocks] = live(store);
            words[format::LIVE_BYTES] = bytes;
            words[format::LIVE_BLOCKS] = blocks;
        }
    }
    if detail == Detail::Heap
        && let Some(told) = heap::told()
    {
        words[format::MALLOC_USED_BYTES] = told.used;
        words[format::MALLOC_MAPPED_BYTES] = told.mapped;
        words[format::MALLOC_FREE_BYTES] = told.free;
        words[format::KNOWN] |= format::KNOWS_MALLOC;
    }
    words[format::PARTS_NS] = os::monotonic_ns() - start;
}

/// Whether a sample shows that the C library may be asked as a matter of course.
pub(super) fn was_cheap(vitals: &format::Vitals) -> bool {
    vitals.0[format::PARTS_NS] < VITALS_MALLOC_MAX_NS
}

/// Memory that the program told of.
fn external(store: &Store) -> u64 {
    let words = (0..tag::count()).filter_map(|tag| store.external(tag));
    words.map(|words| words[external::BYTES].load(Ordering::Relaxed)).sum()
}

/// What is live in all: bytes and blocks, summed over all cells.
fn live(store: &Store) -> [u64; 2] {
    let mut live = [0_u64; 2];
    let mut add = |bytes: u64, blocks: u64| {
        live = [live[0].wrapping_add(bytes), live[1].wrapping_add(blocks)];
    };
    for tag in 0..tag::count() {
        if let Some(totals) = store.totals(tag) {
            let word = |index: usize| totals[index].load(Ordering::Relaxed);
            add(word(tag_format::INHERITED_BYTES), word(tag_format::INHERITED_BLOCKS));
        }
        for cell in thread::used().filter_map(|slot| slot.cell(tag)) {
            // Frees first: what they free was allocated before.
            let word = |index: usize| cell[index].load(Ordering::Relaxed);
            let [freed, freed_blocks] = [word(cell::FREED_BYTES), word(cell::FREED_BLOCKS)];
            add(
                word(cell::ALLOCATED_BYTES).wrapping_sub(freed),
                word(cell::ALLOCATED_BLOCKS).wrapping_sub(freed_blocks),
            );
        }
    }
    live.map(|word| (word as i64).max(0) as u64)
}
