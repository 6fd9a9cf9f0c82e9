//! Overwrites the oldest chunks of a journal whose log has reached its limit,
//! and counts what they held as dropped: by slot, tag and kind.
//!
//! No lock: a chunk is claimed by one atomic exchange, by whoever needs room.

use core::array;
use core::sync::atomic::{AtomicU64, Ordering};

use scrubjay_log_format::cell::{
    DROPPED_ALLOCATED_BLOCKS, DROPPED_ALLOCATED_BYTES, DROPPED_FAILED_COUNT, DROPPED_FREED_BLOCKS,
    DROPPED_FREED_BYTES,
};
use scrubjay_log_format::{Event, EventKind, process, thread as words_of};

use crate::line::Line;
use crate::site;
use crate::store::{Mark, Place, Store};
use crate::thread::{self, ORPHANS, Slot};

/// Who asks for room: what it takes to know whether others of slot 0 are at it.
#[derive(Clone, Copy)]
pub(crate) struct Asker {
    /// The open chunk of slot 0; 0 for none.
    pub(crate) orphans_chunk: fn() -> u32,
    /// The asker's own events of slot 0 that are in flight.
    pub(crate) in_flight: u64,
}

/// Takes the place of a chunk that may go, blank. `None` where there is none.
pub(crate) fn take_place(store: &'static Store, asker: Asker) -> Option<u32> {
    if store.go_round() {
        say(store);
    }
    for index in store.places_in_turn() {
        let claimed = match store.place(index) {
            Place::Sealed(mark) => Some((index, mark)),
            Place::Open(ORPHANS, mark) => is_abandoned(index, asker).then_some((index, mark)),
            Place::Open(slot, _) => claim_left(store, slot, index),
            Place::Taken => None,
        };
        let claimed = claimed.and_then(|(index, mark)| {
            store.claim_place(index, mark).map(|(slot, records)| (index, slot, records))
        });
        let Some((index, slot, records)) = claimed else { continue };
        let event_count = count_dropped(slot, records);
        let process = store.process();
        process[process::OVERWRITTEN_EVENT_COUNT].fetch_add(event_count, Ordering::Relaxed);
        process[process::OVERWRITTEN_CHUNK_COUNT].fetch_add(1, Ordering::Relaxed);
        store.blank_place(index);
        return Some(index);
    }
    store.rest_ring();
    None
}

fn say(store: &Store) {
    let why = if store.is_exhausted() {
        "the file gets no more room"
    } else {
        "the log's limit is reached"
    };
    let what = ": the journal's oldest events are overwritten from here on, and counted";
    Line::new().text(why).text(what).say();
}

/// Whether nobody writes in a chunk of slot 0 any more. Events of slot 0 reserve
/// their place in the open chunk, all while they are in flight: so first whoever
/// began the chunk, and then whoever reserved a place in it, must be gone.
fn is_abandoned(index: u32, asker: Asker) -> bool {
    are_orphans_at_rest(asker) && (asker.orphans_chunk)() != index && are_orphans_at_rest(asker)
}

/// Whether there was a moment without an event of slot 0 in flight.
fn are_orphans_at_rest(asker: Asker) -> bool {
    let Some(words) = thread::orphans().and_then(Slot::words) else { return false };
    let finished = words[words_of::FINISHED].load(Ordering::SeqCst);
    words[words_of::SEQUENCE].load(Ordering::SeqCst) == finished + asker.in_flight
}

/// Takes the open chunk that a thread left to its slot's next one. It may be
/// another than the one at this place by now, which will do as well.
fn claim_left(store: &Store, slot: u32, index: u32) -> Option<(u32, Mark)> {
    let slot = thread::slot(slot)?;
    let is_here = slot.store().is_some_and(|own| own.epoch() == store.epoch());
    if !is_here || slot.left_chunk.load(Ordering::Relaxed) != index {
        return None;
    }
    let (index, _) = slot.take_left_chunk()?;
    match store.place(index) {
        Place::Open(_, mark) => Some((index, mark)),
        Place::Sealed(_) | Place::Taken => None,
    }
}

/// Counts a chunk's events as dropped, in the cells of its slot. Answers how
/// many there are.
fn count_dropped(slot: u32, records: &[AtomicU64]) -> u64 {
    let mut event_count = 0;
    let mut sums: [Sums; TAGS_AT_ONCE] = array::from_fn(|_| Sums::default());
    let (records, _) = records.as_chunks::<{ scrubjay_log_format::event::SIZE / 8 }>();
    for record in records {
        let words = record.each_ref().map(|word| word.load(Ordering::Relaxed));
        let event = match Event::from_words(words) {
            Ok(Some(event)) => event,
            // Only slot 0's chunks have holes.
            Ok(None) if slot != ORPHANS => break,
            Ok(None) | Err(_) => continue,
        };
        if event.kind == EventKind::Thread {
            continue;
        }
        event_count += 1;
        let tag = site::tag_of(event.site);
        let own = &mut sums[tag as usize % TAGS_AT_ONCE];
        if own.tag != tag {
            own.add_to_cell(slot);
            *own = Sums { tag, ..Sums::default() };
        }
        own.count(&event);
    }
    sums.iter().for_each(|own| own.add_to_cell(slot));
    event_count
}

/// Tags that are summed up at one time, before their cells are touched.
const TAGS_AT_ONCE: usize = 16;

/// What a chunk holds of a tag: blocks and bytes.
#[derive(Clone, Copy, Default)]
struct Sums {
    tag: u32,
    allocated: [u64; 2],
    freed: [u64; 2],
    failed_count: u64,
}

impl Sums {
    fn count(&mut self, event: &Event) {
        let into = if event.kind.allocates() {
            &mut self.allocated
        } else if event.kind.frees() {
            &mut self.freed
        } else {
            self.failed_count += 1;
            return;
        };
        into[0] += 1;
        into[1] += event.size;
    }

    /// Blocks before bytes.
    fn add_to_cell(&self, slot: u32) {
        // An event is in the journal only if its slot has the cell.
        let Some(cell) = thread::slot(slot).and_then(|slot| slot.cell(self.tag)) else { return };
        let counters = [
            (DROPPED_ALLOCATED_BLOCKS, self.allocated[0]),
            (DROPPED_ALLOCATED_BYTES, self.allocated[1]),
            (DROPPED_FREED_BLOCKS, self.freed[0]),
            (DROPPED_FREED_BYTES, self.freed[1]),
            (DROPPED_FAILED_COUNT, self.failed_count),
        ];
        for (word, value) in counters {
            if value > 0 {
                cell[word].fetch_add(value, Ordering::Relaxed);
            }
        }
    }
}
