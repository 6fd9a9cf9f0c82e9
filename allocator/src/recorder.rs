//! What the allocator's four methods tell: each event goes to the journal,
//! where there is one, and then to the ledger.
//!
//! Nothing here allocates, blocks (but for the journal's room, if it waits),
//! panics or formats.

use scrubjay_log_format::EventKind;
use scrubjay_log_format::cell::{
    CARRIED_BYTES, COPIED_BYTES, DROPPED_ALLOCATED_BLOCKS, DROPPED_ALLOCATED_BYTES,
    DROPPED_FAILED_COUNT, DROPPED_FREED_BLOCKS, DROPPED_FREED_BYTES, FAILED_BYTES, FAILED_COUNT,
    REALLOC_IN_PLACE, REALLOC_MOVED, RETURNED_BYTES, UNWIPED_BYTES, WIPED_BYTES,
};

use crate::config::Config;
use crate::control::{self, JOURNAL, READY, VERIFY};
use crate::journal::{self, What};
use crate::ledger::{self, Own, Shared, Writer};
use crate::limits::FAILED_SIZE_MAX;
use crate::process::{self, Place};
use crate::store::{Cell, ThreadWords};
use crate::thread::{self, Here, Slot};
use crate::{registry, tag};

/// What became of the bytes that an event released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Released {
    /// Overwritten.
    pub(crate) wiped: usize,
    /// Still in use: kept in place by a realloc.
    pub(crate) carried: usize,
    /// Given back to the kernel as whole pages.
    pub(crate) returned: usize,
    /// Left as they were, because policy or tag said so.
    pub(crate) unwiped: usize,
}

/// The calling thread's part, up to date: enough for the events that programs
/// are full of.
#[derive(Clone, Copy)]
pub(crate) struct Hot {
    here: &'static Here,
    words: &'static ThreadWords,
}

/// Where an event takes no more than its counters: one look at the mode.
/// `None` sends the event on to [`hot_with_journal`].
#[inline(always)]
pub(crate) fn hot() -> Option<Hot> {
    let here = thread::here_now().filter(|here| here.counts())?;
    Some(Hot { here, words: here.words.get()? })
}

/// Where an event goes to the journal, too, in the thread's own slot. `None`
/// sends it on to [`enter`].
#[inline(always)]
pub(crate) fn hot_with_journal() -> Option<Hot> {
    let here = thread::here_now()?;
    let mode = here.mode();
    // An outdated part is 0, which lacks READY.
    if mode != control::mode() || mode & (READY | JOURNAL | VERIFY) != READY | JOURNAL {
        return None;
    }
    Some(Hot { here, words: here.words.get()? })
}

impl Hot {
    /// The site of new blocks.
    #[inline(always)]
    pub(crate) fn site(&self) -> u32 {
        self.here.site.get()
    }

    /// Its cell; `None` where its blocks take the slow path.
    #[inline(always)]
    pub(crate) fn site_cell(&self) -> Option<&'static Cell> {
        self.here.cell.get()
    }

    /// The cell of a block's site.
    #[inline(always)]
    pub(crate) fn cell(&self, site: u32) -> Option<&'static Cell> {
        self.here.slot.get()?.cell(site)
    }

    /// A block was allocated.
    #[inline(always)]
    pub(crate) fn alloc(&self, cell: &Cell, site: u32, size: usize) {
        if ledger::count_alloc::<Own>(cell, self.words, size as u64) {
            self.publish(cell, site);
        }
    }

    /// A block is about to be released. True if [`Hot::publish`] is due.
    #[inline(always)]
    pub(crate) fn free(&self, cell: &Cell, size: usize) -> bool {
        ledger::count_free::<Own>(cell, self.words, size as u64)
    }

    /// Publishes what the thread holds back.
    #[cold]
    #[inline(never)]
    pub(crate) fn publish(self, cell: &Cell, site: u32) {
        if let Some(slot) = self.here.slot.get() {
            ledger::publish(slot, cell, site);
        }
    }

    /// A block's bytes were overwritten.
    #[inline(always)]
    pub(crate) fn wiped(&self, cell: &Cell, size: usize) {
        Own::add(&cell[WIPED_BYTES], size as u64);
    }

    /// What became of its bytes.
    #[inline(always)]
    pub(crate) fn released(&self, cell: &Cell, released: Released) {
        self.wiped(cell, released.wiped);
        if released.wiped == 0 {
            Own::add(&cell[RETURNED_BYTES], released.returned as u64);
            Own::add(&cell[UNWIPED_BYTES], released.unwiped as u64);
        }
    }

    /// Writes an event to the journal, before it is counted: it is in flight
    /// until [`Hot::done`].
    #[inline(always)]
    pub(crate) fn note(&self, cell: &Cell, kind: EventKind, block: (usize, usize), site: u32) {
        journal::begin(self.words);
        let (address, size) = block;
        let what = What { kind, address, size, site };
        if !journal::write(self.here, [what]) {
            count_dropped(cell, kind, size as u64);
        }
    }

    /// The event is over.
    #[inline(always)]
    pub(crate) fn done(&self) {
        journal::finish(self.words, 1);
    }
}

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
    /// The site that a block gets which is allocated now.
    pub(crate) fn site(&self) -> u32 {
        match self.place {
            Place::Own | Place::Orphans(_) => self.here.site.get(),
            Place::Nowhere => 0,
        }
    }

    /// A block was allocated.
    pub(crate) fn alloc(&self, kind: EventKind, address: usize, size: usize, site: u32) {
        self.record([What { kind, address, size, site }]);
        if tag::policy(site).is_watched() {
            registry::add(address, size, site);
        }
        self.done();
    }

    /// A block is about to be released.
    pub(crate) fn free(&self, address: usize, size: usize, site: u32) {
        self.record([What { kind: EventKind::Free, address, size, site }]);
        if tag::policy(site).is_watched() {
            registry::remove(address);
        }
    }

    /// A block was reallocated: the old one is about to be released, unless
    /// it is the new one.
    pub(crate) fn realloc(
        &self,
        old: (usize, usize),
        new: (usize, usize),
        site: u32,
        copied: usize,
    ) {
        self.record([
            What { kind: EventKind::ReallocFree, address: old.0, size: old.1, site },
            What { kind: EventKind::ReallocAlloc, address: new.0, size: new.1, site },
        ]);
        let counter = if old.0 == new.0 { REALLOC_IN_PLACE } else { REALLOC_MOVED };
        self.count(site, [(counter, 1), (COPIED_BYTES, copied as u64)]);
        if tag::policy(site).is_watched() {
            registry::replace(old.0, new, site);
        }
    }

    /// The inner allocator refused; `address` is that of the block that was to
    /// be reallocated, else 0.
    #[cold]
    #[inline(never)]
    pub(crate) fn refused(&self, address: usize, size: usize, site: u32) {
        // More than an event can say is more than any machine has.
        let size = size.min(FAILED_SIZE_MAX);
        self.record([What { kind: EventKind::Failed, address, size, site }]);
        self.done();
    }

    /// Tells what became of the bytes of a release that was recorded before,
    /// and ends the event.
    pub(crate) fn released(&self, site: u32, released: Released) {
        let Released { wiped, carried, returned, unwiped } = released;
        let counters = [
            (WIPED_BYTES, wiped),
            (CARRIED_BYTES, carried),
            (RETURNED_BYTES, returned),
            (UNWIPED_BYTES, unwiped),
        ];
        self.count(site, counters.map(|(index, size)| (index, size as u64)));
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
        let site = whats[0].site;
        let Some(cell) = slot.cell(site).or_else(|| process::cell_or_take(slot, site)) else {
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
        }
        if due {
            ledger::publish(slot, cell, site);
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
        let mut site = whats[0].site;
        let mut cell = slot.cell(site).or_else(|| process::cell_or_take(slot, site));
        if cell.is_none() {
            // Its page exists from the start.
            site = 0;
            cell = slot.cell(0);
        }
        let Some(cell) = cell else { return };
        let mut dropped = false;
        if store.has_journal() {
            journal::begin_orphan(words, COUNT as u64);
            self.here.in_flight.set(COUNT as u32);
            dropped = !journal::write_orphan(store, words, whats.map(|what| What { site, ..what }));
        }
        for what in whats {
            count_event::<Shared>(cell, words, what, dropped);
            let delta = match what.kind {
                kind if kind.allocates() => what.size as i64,
                kind if kind.frees() => -(what.size as i64),
                _ => continue,
            };
            ledger::publish_orphan(store, cell, words, site, delta);
        }
    }

    /// Adds to counters of a tag's cell: the one that counted the event.
    fn count<const COUNT: usize>(&self, site: u32, counters: [(usize, u64); COUNT]) {
        let own = match &self.place {
            Place::Own => self.here.slot.get().and_then(|slot| slot.cell(site)),
            Place::Orphans(_) => None,
            Place::Nowhere => return,
        };
        if let Some(cell) = own {
            for (index, value) in counters {
                Own::add(&cell[index], value);
            }
        } else if let Some(orphans) = thread::orphans()
            && let Some(cell) = orphans.cell(site).or_else(|| orphans.cell(0))
        {
            for (index, value) in counters {
                Shared::add(&cell[index], value);
            }
        }
    }
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

/// Always by atomic add: whoever overwrites a chunk of the journal counts what
/// it held in the cells of the slot whose chunk it was.
#[cold]
fn count_dropped(cell: &Cell, kind: EventKind, size: u64) {
    if kind.allocates() {
        Shared::add(&cell[DROPPED_ALLOCATED_BLOCKS], 1);
        Shared::add(&cell[DROPPED_ALLOCATED_BYTES], size);
    } else if kind.frees() {
        Shared::add(&cell[DROPPED_FREED_BLOCKS], 1);
        Shared::add(&cell[DROPPED_FREED_BYTES], size);
    } else {
        Shared::add(&cell[DROPPED_FAILED_COUNT], 1);
    }
}
