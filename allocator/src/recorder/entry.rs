//! All other events: a thread's first, an orphan's, a realloc, a refusal, those
//! of tags that ask for more.

use scrubjay_log_format::EventKind;
use scrubjay_log_format::cell::{
    CARRIED_BYTES, COPIED_BYTES, FAILED_BYTES, FAILED_COUNT, REALLOC_IN_PLACE, REALLOC_MOVED,
    RETURNED_BYTES, UNWIPED_BYTES, WIPED_BYTES,
};

use super::{Released, count_dropped, leave_record, name_of, site_of_now, tell_owner};
use crate::capture::{self, Bounds, Engine};
use crate::config::Config;
use crate::control::{self, JOURNAL, SAMPLE, STACKS};
use crate::journal::{self, What};
use crate::ledger;
use crate::limits::FAILED_SIZE_MAX;
use crate::process::{self, Place};
use crate::site::counters::{self, Change};
use crate::store::{self, Cell, ThreadWords};
use crate::thread::{self, Here, Leaving, Slot};
use crate::trailer::Valid;
use crate::writer::{Own, Shared, Writer};
use crate::{live, owner, registry, sampling, site, tag};

/// Proof that the calling thread's part is up to date: no events without it.
pub(crate) struct Entry<'a> {
    here: &'a Here,
    place: Place,
}

/// Runs `then` with the right to record: the way of everything but the hot
/// path. The thread's part is gone only where a platform tears it down, which
/// none does here; nothing runs then.
#[inline]
pub(crate) fn enter<T>(config: &Config, then: impl FnOnce(Entry<'_>) -> T) -> Option<T> {
    thread::here(|here| {
        let mode = here.mode();
        let place = if mode == control::mode() && mode != 0 {
            Place::Own
        } else {
            process::catch_up(here, config)
        };
        then(Entry { here, place })
    })
}

impl Entry<'_> {
    /// The tag that a block gets which is allocated now.
    pub(crate) fn tag(&self) -> u32 {
        match self.place {
            Place::Own | Place::Orphans(_) => self.here.tag.get(),
            Place::Nowhere => 0,
        }
    }

    /// The site of a block that is allocated now under a tag.
    #[inline(always)]
    pub(crate) fn new_site(&self, tag: u32, size: usize) -> u32 {
        let mode = control::mode();
        if mode & (STACKS | SAMPLE) == 0 { tag } else { self.new_site_beyond(mode, tag, size) }
    }

    #[inline(never)]
    fn new_site_beyond(&self, mode: u32, tag: u32, size: usize) -> u32 {
        let here = self.here;
        if matches!(self.place, Place::Nowhere) {
            return tag;
        }
        if mode & STACKS != 0 {
            return site_of_now(here, tag, false);
        }
        // On the hot path the block has been subtracted already.
        let mut left = here.until_sample.get();
        if left >= 0 {
            left = left.wrapping_sub(size as i64);
            here.until_sample.set(left);
        }
        if left >= 0 {
            return tag;
        }
        let interval = store::current().map_or(1, |store| store.config().sample_interval);
        sampling::draw(here, interval);
        site_of_now(here, tag, true)
    }

    /// The site of an allocation that a budget refuses: with its stack wherever stacks
    /// can be had.
    #[cold]
    pub(crate) fn site_of_refusal(&self, tag: u32) -> u32 {
        let here = self.here;
        let engine = capture::engine();
        let Some(store) = store::current() else { return tag };
        if matches!(self.place, Place::Nowhere) || engine == Engine::None {
            return tag;
        }
        // What a mode without stacks has not looked up.
        let (depth, bounds) = (here.stack_depth.get(), here.bounds.get());
        if depth == 0 {
            here.stack_depth.set(store.config().stack_depth);
            here.bounds.set(Bounds::of_thread());
        }
        let site = site_of_now(here, tag, false);
        here.stack_depth.set(depth);
        here.bounds.set(bounds);
        site
    }

    /// A block was allocated. Answers what its trailer is to name.
    pub(crate) fn alloc(&self, kind: EventKind, address: usize, size: usize, site: u32) -> u32 {
        self.record([What { kind, address, size, site }]);
        if tag::policy(site::tag_of(site)).is_watched() {
            registry::add(address, size, site);
        }
        self.done();
        name_of(self.here, (address, size), site)
    }

    /// A block is about to be released.
    pub(crate) fn free(&self, address: usize, size: usize, valid: Valid) {
        let site = valid.site();
        self.record([What { kind: EventKind::Free, address, size, site }]);
        if let Some(record) = valid.record() {
            leave_record(self.here, record, size);
        }
        if tag::policy(site::tag_of(site)).is_watched() {
            registry::remove(address);
        }
    }

    /// A block was reallocated: the old one is about to be released, unless
    /// it is the new one. Answers what the new one's trailer is to name.
    pub(crate) fn realloc(
        &self,
        (old, valid): ((usize, usize), Valid),
        (new, new_site): ((usize, usize), u32),
        copied: usize,
    ) -> u32 {
        let old_site = valid.site();
        self.record([
            What { kind: EventKind::ReallocFree, address: old.0, size: old.1, site: old_site },
            What { kind: EventKind::ReallocAlloc, address: new.0, size: new.1, site: new_site },
        ]);
        let counter = if old.0 == new.0 { REALLOC_IN_PLACE } else { REALLOC_MOVED };
        let tag = site::tag_of(new_site);
        self.count(tag, [(counter, 1), (COPIED_BYTES, copied as u64)]);
        if tag::policy(tag).is_watched() {
            registry::replace(old.0, new, new_site);
        }
        let Some(record) = valid.record() else { return name_of(self.here, new, new_site) };
        if let Some(owned) = live::owned(record) {
            self.here.leave(Leaving { owned, size: old.1, new_size: Some(new.1) });
        }
        live::replace(record, new, new_site);
        record
    }

    /// The inner allocator refused; `address` is that of the block that was to
    /// be reallocated, else 0.
    #[cold]
    #[inline(never)]
    pub(crate) fn refused(&self, address: usize, size: usize, site: u32) {
        // More than an event can say is more than any machine has.
        let size = size.min(FAILED_SIZE_MAX);
        if self.here.owner() != 0 {
            owner::refuse(self.here.owner());
        }
        self.record([What { kind: EventKind::Failed, address, size, site }]);
        self.done();
    }

    /// Tells what became of the bytes of a release that was recorded before,
    /// and ends the event.
    pub(crate) fn released(&self, site: u32, released: Released) {
        tell_owner(self.here, released);
        let Released { wiped, carried, returned, unwiped } = released;
        let counters = [
            (WIPED_BYTES, wiped),
            (CARRIED_BYTES, carried),
            (RETURNED_BYTES, returned),
            (UNWIPED_BYTES, unwiped),
        ];
        self.count(site::tag_of(site), counters.map(|(index, size)| (index, size as u64)));
        self.done();
    }

    /// Ends what was recorded: it is no longer in flight.
    fn done(&self) {
        let event_count = self.here.in_flight.replace(0).into();
        if event_count == 0 {
            return;
        }
        match (&self.place, self.here.words.get()) {
            (Place::Own, Some(words)) => journal::finish(words, event_count),
            (Place::Orphans(slot), _) => {
                if let Some(words) = slot.words() {
                    journal::finish_orphan(words, event_count);
                }
            }
            _ => {}
        }
    }

    /// Journal first, then the ledger.
    fn record<const COUNT: usize>(&self, whats: [What; COUNT]) {
        match &self.place {
            Place::Own => {
                let (Some(slot), Some(words)) = (self.here.slot.get(), self.here.words.get())
                else {
                    return;
                };
                self.record_own(slot, words, whats);
            }
            Place::Orphans(slot) => {
                if let Some(words) = slot.words() {
                    self.record_orphan(slot, words, whats);
                }
            }
            Place::Nowhere => {}
        }
    }

    fn record_own<const COUNT: usize>(
        &self,
        slot: &'static Slot,
        words: &ThreadWords,
        whats: [What; COUNT],
    ) {
        // Both halves of a realloc have the same.
        let tag = site::tag_of(whats[0].site);
        let Some(cell) = slot.cell(tag).or_else(|| process::cell_or_take(slot, tag)) else {
            // No page of cells: the shared ones count it.
            if let Some(orphans) = thread::orphans()
                && let Some(words) = orphans.words()
            {
                self.record_orphan(orphans, words, whats);
                journal::finish_orphan(words, self.here.in_flight.replace(0).into());
            }
            return;
        };
        let mut dropped = false;
        if self.here.mode() & JOURNAL != 0 {
            journal::begin(words);
            self.here.in_flight.set(COUNT as u32);
            dropped = !journal::write(self.here, whats);
        }
        let mut due = false;
        for what in whats {
            due |= count_event::<Own>(cell, words, what, dropped);
            count_site(slot, what);
        }
        if due {
            ledger::publish(slot, cell, tag);
        }
    }

    #[cold]
    fn record_orphan<const COUNT: usize>(
        &self,
        slot: &'static Slot,
        words: &ThreadWords,
        whats: [What; COUNT],
    ) {
        let Some(store) = slot.store() else { return };
        let mut whats = whats;
        let mut tag = site::tag_of(whats[0].site);
        let mut cell = slot.cell(tag).or_else(|| process::cell_or_take(slot, tag));
        if cell.is_none() {
            // Its page exists from the start.
            tag = 0;
            cell = slot.cell(0);
            whats = whats.map(|what| What { site: 0, ..what });
        }
        let Some(cell) = cell else { return };
        let mut dropped = false;
        if store.has_journal() {
            journal::begin_orphan(words, COUNT as u64);
            self.here.in_flight.set(COUNT as u32);
            dropped = !journal::write_orphan(store, words, whats);
        }
        for what in whats {
            count_event::<Shared>(cell, words, what, dropped);
            count_site(slot, what);
            let delta = match what.kind {
                kind if kind.allocates() => what.size as i64,
                kind if kind.frees() => -(what.size as i64),
                _ => continue,
            };
            ledger::publish_orphan(store, cell, words, tag, delta);
        }
    }

    /// Adds to counters of a tag's cell: the one that counted the event.
    fn count<const COUNT: usize>(&self, tag: u32, counters: [(usize, u64); COUNT]) {
        let own = match &self.place {
            Place::Own => self.here.slot.get().and_then(|slot| slot.cell(tag)),
            Place::Orphans(_) => None,
            Place::Nowhere => return,
        };
        if let Some(cell) = own {
            for (index, value) in counters {
                Own::add(&cell[index], value);
            }
        } else if let Some(orphans) = thread::orphans()
            && let Some(cell) = orphans.cell(tag).or_else(|| orphans.cell(0))
        {
            for (index, value) in counters {
                Shared::add(&cell[index], value);
            }
        }
    }
}

/// Counts one event for its site, unless that is a tag's own.
#[inline(always)]
fn count_site(slot: &Slot, what: What) {
    if !site::is_tag(what.site) {
        count_other_site(slot, what);
    }
}

#[inline(never)]
fn count_other_site(slot: &Slot, what: What) {
    let change = match what.kind {
        kind if kind.allocates() => Change::Allocated,
        kind if kind.frees() => Change::Freed,
        _ => return,
    };
    counters::count(slot, what.site, change, what.size as u64);
}

/// Counts one event in the ledger. True if a delta is to be published.
#[inline(always)]
fn count_event<W: Writer>(cell: &Cell, words: &ThreadWords, what: What, dropped: bool) -> bool {
    let size = what.size as u64;
    if dropped {
        count_dropped(cell, what.kind, size);
    }
    if what.kind.allocates() {
        ledger::count_alloc::<W>(cell, words, size)
    } else if what.kind.frees() {
        ledger::count_free::<W>(cell, words, size)
    } else {
        W::add(&cell[FAILED_COUNT], 1);
        W::add(&cell[FAILED_BYTES], size);
        false
    }
}
