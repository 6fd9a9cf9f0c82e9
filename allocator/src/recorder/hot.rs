//! The events that programs are full of: counters, an event in the journal, a
//! site.

use scrubjay_log_format::EventKind;
use scrubjay_log_format::cell::{RETURNED_BYTES, UNWIPED_BYTES, WIPED_BYTES};

use super::{Released, count_dropped, leave_record, name_of, site_of_now, tell_owner};
use crate::control::{self, JOURNAL, READY, SAMPLE, STACKS, VERIFY};
use crate::journal::{self, What};
use crate::ledger;
use crate::site;
use crate::site::counters::{self, Change};
use crate::store::{Cell, ThreadWords};
use crate::thread::{self, Here};
use crate::trailer::Valid;
use crate::writer::{Own, Writer};

/// The calling thread's part, up to date: enough for the events that programs
/// are full of, of blocks whose site is their tag's own.
#[derive(Clone, Copy)]
pub(crate) struct Hot {
    here: &'static Here,
    words: &'static ThreadWords,
}

/// Where an event takes no more than its counters: one look at the mode.
/// `None` sends the event on to [`hot_beyond`].
#[inline(always)]
pub(crate) fn hot() -> Option<Hot> {
    let here = thread::here_now().filter(|here| here.counts())?;
    Some(Hot { here, words: here.words.get()? })
}

/// Where an event may go to the journal, too, and a block may have a stack, in
/// the thread's own slot. `None` sends it on to [`enter`].
#[inline(always)]
pub(crate) fn hot_beyond() -> Option<Hot> {
    let here = thread::here_now()?;
    let mode = here.mode();
    // An outdated part is 0, which lacks READY.
    if mode != control::mode() || mode & (READY | SAMPLE | VERIFY) != READY {
        return None;
    }
    Some(Hot { here, words: here.words.get()? })
}

impl Hot {
    /// The tag of new blocks.
    #[inline(always)]
    pub(crate) fn tag(&self) -> u32 {
        self.here.tag.get()
    }

    /// Its cell; `None` where its blocks take the slow path.
    #[inline(always)]
    pub(crate) fn tag_cell(&self) -> Option<&'static Cell> {
        self.here.cell.get()
    }

    /// Whether a new block is in the sample: that one takes the slow path. One
    /// subtraction, of a number that is out of reach in other modes.
    #[inline(always)]
    pub(crate) fn is_sampled(&self, size: usize) -> bool {
        let left = self.here.until_sample.get().wrapping_sub(size as i64);
        self.here.until_sample.set(left);
        left < 0
    }

    /// The site of a block that is allocated now under a tag.
    #[inline(always)]
    pub(crate) fn new_site(&self, tag: u32) -> u32 {
        if self.here.mode() & STACKS == 0 { tag } else { site_of_now(self.here, tag, false) }
    }

    /// What a new block's trailer is to name.
    #[inline(always)]
    pub(crate) fn name_of(&self, block: (usize, usize), site: u32) -> u32 {
        name_of(self.here, block, site)
    }

    /// Takes a block that is about to be released out of the records.
    #[inline(always)]
    pub(crate) fn leave_record(&self, valid: Valid, size: usize) {
        if let Some(record) = valid.record() {
            leave_record(self.here, record, size);
        }
    }

    /// The cell of a tag.
    #[inline(always)]
    pub(crate) fn cell(&self, tag: u32) -> Option<&'static Cell> {
        self.here.slot.get()?.cell(tag)
    }

    /// Counts a change for the block's site, unless the tag's cell says it all.
    #[inline(always)]
    pub(crate) fn count_site(&self, site: u32, change: Change, size: usize) {
        if !site::is_tag(site)
            && let Some(slot) = self.here.slot.get()
        {
            counters::count(slot, site, change, size as u64);
        }
    }

    /// A block was allocated.
    #[inline(always)]
    pub(crate) fn alloc(&self, cell: &Cell, tag: u32, size: usize) {
        if ledger::count_alloc::<Own>(cell, self.words, size as u64) {
            self.publish(cell, tag);
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
    pub(crate) fn publish(self, cell: &Cell, tag: u32) {
        if let Some(slot) = self.here.slot.get() {
            ledger::publish(slot, cell, tag);
        }
    }

    /// A block's bytes were overwritten.
    #[inline(always)]
    pub(crate) fn wiped(&self, cell: &Cell, size: usize) {
        Own::add(&cell[WIPED_BYTES], size as u64);
    }

    /// What became of the bytes of a block that may have a record.
    #[inline(always)]
    pub(crate) fn released(&self, cell: &Cell, valid: Valid, released: Released) {
        if valid.record().is_some() {
            tell_owner(self.here, released);
        }
        self.released_unrecorded(cell, released);
    }

    /// What became of the bytes of one that has none.
    #[inline(always)]
    pub(crate) fn released_unrecorded(&self, cell: &Cell, released: Released) {
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
        if self.here.mode() & JOURNAL == 0 {
            return;
        }
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
        if self.here.mode() & JOURNAL != 0 {
            journal::finish(self.words, 1);
        }
    }
}
