//! A slot's move into the store of a log that starts late.
//!
//! The slot's own thread moves it, at its next event. Until then, and for
//! threads that never have another, whoever started the log copies the cells;
//! both take turns by a word that neither waits for.

use core::sync::atomic::{AtomicU64, Ordering};

use scrubjay_log_format::cell::{self, PageOwner};
use scrubjay_log_format::thread as words_of;

use crate::ledger;
use crate::limits::{GROUPS_MAX, TAGS_PER_GROUP};
use crate::site::counters;
use crate::store::{Page, Store, cell_of};
use crate::thread::{self, COPY_CLAIMED, COPY_OPEN, Slot};

/// Copies every slot that still records elsewhere.
pub(crate) fn copy_laggards(store: &'static Store) {
    for slot in thread::used() {
        let moved = slot.store().is_some_and(|own| own.epoch() == store.epoch());
        if !moved && claim(slot) {
            copy(slot, store, true);
            slot.copy.store(COPY_OPEN, Ordering::Release);
        }
    }
}

/// Moves the calling thread's slot. False while somebody copies it, or where
/// the new store has no room: the slot then stays where it is for now.
pub(crate) fn move_slot(slot: &Slot, store: &'static Store) -> bool {
    if !claim(slot) {
        return false;
    }
    let moved = copy(slot, store, false);
    slot.copy.store(COPY_OPEN, Ordering::Release);
    moved
}

fn claim(slot: &Slot) -> bool {
    slot.copy.compare_exchange(COPY_OPEN, COPY_CLAIMED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

/// Copies a slot's words and pages; a move also has the slot record there.
fn copy(slot: &Slot, store: &'static Store, is_laggard: bool) -> bool {
    let (Some(from), Some(to)) = (slot.words(), store.thread(slot.index())) else { return false };
    if slot.store().is_some_and(|own| own.epoch() == store.epoch()) {
        return true;
    }
    for group in 0..GROUPS_MAX as u32 {
        let Some(old) = slot.page(group) else { continue };
        let Some((page, base)) = target(slot, store, group) else { return false };
        copy_cells(old, page);
        copy_cells(old, base);
        let owner = PageOwner { slot: slot.index(), group }.encode();
        base[0].store(owner, Ordering::Release);
        page[0].store(owner, Ordering::Release);
        for tag in group * TAGS_PER_GROUP as u32..(group + 1) * TAGS_PER_GROUP as u32 {
            ledger::publish_tag(store, cell_of(page, tag), tag);
        }
        if !is_laggard {
            slot.replace_page(group, page);
        }
    }
    for index in 0..words_of::WORD_COUNT {
        if !THREAD_WORDS_KEPT.contains(&index) {
            to[index].store(from[index].load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
    to[words_of::LAGGARD].store(is_laggard.into(), Ordering::Relaxed);
    ledger::publish_process(store, to);
    if !is_laggard {
        slot.move_to(store, to);
        counters::flush_all(slot);
    }
    true
}

/// The pages to copy a group to: the same ones each time.
fn target(
    slot: &Slot,
    store: &'static Store,
    group: u32,
) -> Option<(&'static Page, &'static Page)> {
    let place = slot.copies.get(group as usize)?;
    let number = match place.load(Ordering::Relaxed).checked_sub(1) {
        Some(number) => number,
        None => {
            let (number, _) = store.take_page()?;
            place.store(number + 1, Ordering::Relaxed);
            number
        }
    };
    Some((store.page(number)?, store.base_page(number)?))
}

/// Copies the cells, but for what was published in the new store.
fn copy_cells(from: &Page, to: &Page) {
    let header = cell::PAGE_HEADER_SIZE / 8;
    let counters = from.iter().zip(to).enumerate().skip(header);
    for (index, (from, to)) in counters {
        if !CELL_WORDS_KEPT.contains(&((index - header) % cell::WORD_COUNT)) {
            copy_word(from, to);
        }
    }
}

/// Words of a slot that are the new store's own: what was published there,
/// and its journal.
const THREAD_WORDS_KEPT: [usize; 6] = [
    words_of::HIGH,
    words_of::LOW,
    words_of::PUBLISHED,
    words_of::SEQUENCE,
    words_of::FINISHED,
    words_of::CHUNK_COUNT,
];
/// Likewise of a cell.
const CELL_WORDS_KEPT: [usize; 3] = [cell::HIGH, cell::LOW, cell::PUBLISHED];

fn copy_word(from: &AtomicU64, to: &AtomicU64) {
    to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
}
