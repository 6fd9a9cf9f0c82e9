//! The run of events: each thread writes chunks of its own.
//!
//! An event becomes visible by its last store. The journal is written before
//! the ledger, and the slot's sequence word is odd in between, so that after a
//! SIGKILL a reader mends at most one event a thread.

use core::sync::atomic::{AtomicU64, Ordering, compiler_fence};

use scrubjay_log_format::chunk::HEADER_SIZE;
use scrubjay_log_format::{
    ChunkHeader, ChunkKind, Event, EventKind, event, process, thread as words_of,
};

use crate::config::{AtLimit, WhenFull};
use crate::control::{self, PAUSED, control};
use crate::limits::WAIT_STEP_NS;
use crate::line::Line;
use crate::ring::{self, Asker};
use crate::store::{Room, Store, ThreadWords};
use crate::thread::{Here, ORPHANS, Slot};
use crate::{clock, os};

const EVENT_WORDS: usize = event::SIZE / 8;

/// What happened to a block, without the time.
#[derive(Clone, Copy)]
pub(crate) struct What {
    pub(crate) kind: EventKind,
    pub(crate) address: usize,
    pub(crate) size: usize,
    pub(crate) site: u32,
}

impl What {
    #[inline(always)]
    fn at(self, ticks: u64) -> [u64; EVENT_WORDS] {
        Event {
            kind: self.kind,
            address: self.address as u64,
            size: self.size as u64,
            site: self.site,
            ticks,
        }
        .encode()
    }
}

/// Writes events so that all of them become visible by the last store. False
/// if there was no room and none will come, or none is waited for.
#[inline(always)]
pub(crate) fn write<const COUNT: usize>(here: &Here, whats: [What; COUNT]) -> bool {
    let now = clock::ticks();
    let ticks = now.wrapping_sub(here.base.get());
    let next = here.next.get();
    let end = next + COUNT * EVENT_WORDS;
    match here.chunk.get().get(next..end) {
        Some(room) if ticks <= event::TICKS_MAX => {
            store_events(room, whats, ticks);
            here.next.set(end);
            true
        }
        _ => write_in_next_chunk(here, whats),
    }
}

/// Stores last to first.
#[inline(always)]
fn store_events<const COUNT: usize>(room: &[AtomicU64], whats: [What; COUNT], ticks: u64) {
    for (place, what) in room.chunks_exact(EVENT_WORDS).zip(whats).rev() {
        let [first, second, third] = what.at(ticks);
        place[2].store(third, Ordering::Relaxed);
        place[1].store(second, Ordering::Relaxed);
        place[0].store(first, Ordering::Release);
    }
}

#[cold]
#[inline(never)]
fn write_in_next_chunk<const COUNT: usize>(here: &Here, whats: [What; COUNT]) -> bool {
    if control::mode() & PAUSED != 0 {
        return false;
    }
    let (Some(slot), Some(words)) = (here.slot.get(), here.words.get()) else { return false };
    let Some(store) = slot.store() else { return false };
    let full = here.next.get() != 0;
    if full {
        store.seal_chunk(here.chunk_index.get());
        here.chunk.set(&[]);
        here.next.set(0);
    }
    // Every event comes here once the journal has ended.
    if store.process()[process::JOURNAL_END_TICKS].load(Ordering::Relaxed) != 0 {
        return false;
    }
    let Some((index, base)) = next_chunk(store, slot.index(), words, 0) else { return false };
    let Some(chunk) = store.chunk(index) else { return false };
    here.chunk.set(chunk);
    here.chunk_index.set(index);
    here.base.set(base);
    here.next.set(HEADER_SIZE / 8);
    write(here, whats)
}

/// Takes and begins a slot's next chunk. The clock is read before the place
/// is taken, so that no event in this or a later chunk is older than the
/// chunk's base: a reader can merge in the order of the file, or of the bases.
/// `orphans`: events of slot 0 that the calling thread has in flight.
fn next_chunk(
    store: &'static Store,
    slot: u32,
    words: &ThreadWords,
    orphans: u64,
) -> Option<(u32, u64)> {
    let base = clock::ticks();
    let room = match store.take_journal_chunk() {
        Room::NotYet if store.config().when_full == WhenFull::Wait => wait_for_chunk(store),
        room => room,
    };
    let index = match room {
        Room::Chunk(index) => index,
        Room::NotYet => {
            os::wake_all(&control().demand);
            return None;
        }
        Room::Ended if store.config().at_limit == AtLimit::Ring && store.has_ring() => {
            ring::take_place(store, Asker { orphans_chunk, in_flight: orphans })?
        }
        Room::Ended => {
            end(store);
            return None;
        }
    };
    let sequence = words[words_of::CHUNK_COUNT].fetch_add(1, Ordering::Relaxed);
    store.begin_chunk(&ChunkHeader {
        kind: ChunkKind::Journal as u16,
        index,
        owner: slot,
        sequence,
        thread: words[words_of::THREAD].load(Ordering::Relaxed),
        base_ticks: base,
        first_event: words[words_of::SEQUENCE].load(Ordering::Relaxed) / 2,
        payload_checksum: None,
    });
    Some((index, base))
}

fn wait_for_chunk(store: &'static Store) -> Room {
    let process = store.process();
    let since = clock::ticks();
    process[process::WAIT_COUNT].fetch_add(1, Ordering::Relaxed);
    let room = loop {
        let windows = control().room.load(Ordering::Acquire);
        match store.take_journal_chunk() {
            Room::NotYet => {
                os::wake_all(&control().demand);
                os::wait_while(&control().room, windows, WAIT_STEP_NS);
            }
            room => break room,
        }
    };
    process[process::WAIT_TICKS].fetch_add(clock::ticks() - since, Ordering::Relaxed);
    room
}

/// Notes once that the journal has ended before the process.
fn end(store: &Store) {
    let process = store.process();
    let now = clock::ticks().max(1);
    let place = &process[process::JOURNAL_END_TICKS];
    if place.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
        return;
    }
    let (reason, why) = if store.is_exhausted() {
        (process::JOURNAL_END_NO_SPACE, "the file gets no more room")
    } else {
        (process::JOURNAL_END_LIMIT, "the log's limit is reached")
    };
    process[process::JOURNAL_END_REASON].store(reason, Ordering::Relaxed);
    Line::new().text("the journal ends here, the ledger goes on: ").text(why).say();
}

/// Marks an event as in flight: the slot's sequence word becomes odd.
#[inline(always)]
pub(crate) fn begin(words: &ThreadWords) {
    let sequence = words[words_of::SEQUENCE].load(Ordering::Relaxed);
    words[words_of::SEQUENCE].store(sequence | 1, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
}

/// Marks it as over; it may have been a pair.
#[inline(always)]
pub(crate) fn finish(words: &ThreadWords, event_count: u64) {
    compiler_fence(Ordering::SeqCst);
    let sequence = words[words_of::SEQUENCE].load(Ordering::Relaxed) & !1;
    words[words_of::SEQUENCE].store(sequence + 2 * event_count, Ordering::Relaxed);
}

/// As [`begin`] for an orphan: there may be many at a time, so what was begun
/// and what is over are counted.
pub(crate) fn begin_orphan(words: &ThreadWords, event_count: u64) {
    words[words_of::SEQUENCE].fetch_add(event_count, Ordering::SeqCst);
}

/// As [`finish`] for an orphan.
pub(crate) fn finish_orphan(words: &ThreadWords, event_count: u64) {
    words[words_of::FINISHED].fetch_add(event_count, Ordering::SeqCst);
}

/// Leaves the open chunk, if there is one, to the slot's next thread, or to the
/// same when the journal goes on after a pause.
pub(crate) fn leave(here: &Here, slot: &Slot) {
    if here.next.get() == 0 {
        return;
    }
    slot.left_chunk.store(here.chunk_index.get(), Ordering::Relaxed);
    slot.left_base.store(here.base.get(), Ordering::Relaxed);
    slot.left_next.store(here.next.get() as u32, Ordering::Release);
    if let Some(store) = slot.store() {
        store.wake_ring();
    }
    forget(here);
}

/// Forgets the open chunk: it belongs to another store.
pub(crate) fn forget(here: &Here) {
    here.chunk.set(&[]);
    here.chunk_index.set(0);
    here.next.set(0);
    here.base.set(0);
}

/// Goes on in the chunk that the slot's last thread left, and says who goes on.
pub(crate) fn take_over(here: &Here, slot: &Slot, store: &Store, words: &ThreadWords) {
    let Some((index, next)) = slot.take_left_chunk() else { return };
    let Some(chunk) = store.chunk(index) else { return };
    here.chunk.set(chunk);
    here.chunk_index.set(index);
    here.next.set(next);
    here.base.set(slot.left_base.load(Ordering::Relaxed));
    // Without room the next chunk's header says it.
    let ticks = clock::ticks().wrapping_sub(here.base.get());
    if let Some(room) = chunk.get(next..next + EVENT_WORDS).filter(|_| ticks <= event::TICKS_MAX) {
        let what = What {
            kind: EventKind::Thread,
            address: words[words_of::THREAD].load(Ordering::Relaxed) as usize,
            size: words[words_of::SYSTEM_ID].load(Ordering::Relaxed) as usize,
            site: 0,
        };
        store_events(room, [what], ticks);
        here.next.set(next + EVENT_WORDS);
    }
}

/// The orphan slot's open chunk: its index in the upper half, the next free
/// word in the lower. 0 for none.
static ORPHAN_PLACE: AtomicU64 = AtomicU64::new(0);
/// Where a chunk's header holds its base, in words.
const BASE_WORD: usize = 4;

/// Writes events for an orphan: the place is reserved by an atomic add, so a
/// kill may leave a hole.
pub(crate) fn write_orphan<const COUNT: usize>(
    store: &'static Store,
    words: &ThreadWords,
    whats: [What; COUNT],
) -> bool {
    let size = (COUNT * EVENT_WORDS) as u64;
    if control::mode() & PAUSED != 0
        || store.process()[process::JOURNAL_END_TICKS].load(Ordering::Relaxed) != 0
    {
        return false;
    }
    // More than once: the chunk may be full, and others may fill the next one.
    for _ in 0..4 {
        let place = ORPHAN_PLACE.fetch_add(size, Ordering::AcqRel);
        let (index, next) = ((place >> 32) as u32, place as u32 as usize);
        if let Some(chunk) = store.chunk(index).filter(|_| index != 0)
            && let Some(room) = chunk.get(next..next + size as usize)
        {
            let base = chunk[BASE_WORD].load(Ordering::Relaxed);
            store_events(room, whats, clock::ticks().saturating_sub(base));
            return true;
        }
        if !next_orphan_chunk(store, words, place >> 32, COUNT as u64) {
            return false;
        }
    }
    false
}

/// The orphan slot's open chunk; 0 for none.
fn orphans_chunk() -> u32 {
    (ORPHAN_PLACE.load(Ordering::SeqCst) >> 32) as u32
}

fn next_orphan_chunk(
    store: &'static Store,
    words: &ThreadWords,
    full: u64,
    in_flight: u64,
) -> bool {
    let Some(_guard) = control().orphans.try_for_a_while() else { return false };
    if ORPHAN_PLACE.load(Ordering::Acquire) >> 32 != full {
        return true;
    }
    let Some((index, _)) = next_chunk(store, ORPHANS, words, in_flight) else { return false };
    let place = u64::from(index) << 32 | (HEADER_SIZE / 8) as u64;
    ORPHAN_PLACE.store(place, Ordering::Release);
    true
}

/// Forgets the orphan slot's open chunk: it belongs to another store.
pub(crate) fn forget_orphans() {
    ORPHAN_PLACE.store(0, Ordering::Release);
}
