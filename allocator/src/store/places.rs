//! The places of the journal's chunks that a ring overwrites: whose turn it is,
//! and the steps of the move. FORMAT.md has them, under "Ring".

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use scrubjay_log_format::chunk::{CHECKSUM_AT, GOING, HEADER_SIZE, MAGIC, SEALED, SEALED_AT};
use scrubjay_log_format::{ChunkKind, process};

use super::Store;

/// Where a ring stands. Starts as all zeros.
pub(super) struct Ring {
    /// The place that was looked at last.
    cursor: AtomicU32,
    /// So many requests are refused without a look: the last one looked at every
    /// place in vain.
    rest: AtomicU32,
    /// The journal has had a chunk.
    has_begun: AtomicBool,
    /// It goes round.
    goes_round: AtomicBool,
}

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A chunk of the journal that is not sealed, and its slot.
    Open(u32, Mark),
    /// A sealed chunk of the journal.
    Sealed(Mark),
    /// Anything else: the ledger's, or somebody is overwriting it.
    Taken,
}

/// A header's checksum and the word behind it, as they were found: a place is
/// claimed by changing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u64);

const MARK: usize = CHECKSUM_AT / 8;
/// The place in the file, and the slot above it.
const OWNER: usize = 1;

impl Store {
    /// How many places there are, chunk 0 included.
    fn place_count(&self) -> u32 {
        let size = u64::from(self.chunk_size());
        let room = self.mapped.load(Ordering::Acquire).min(self.fixed.config.log_limit) / size;
        room.min(self.process()[process::CHUNK_COUNT].load(Ordering::Relaxed)) as u32
    }

    /// The places of one round, from the one behind the last look; fewer where
    /// others look, too. None while a look would be in vain.
    pub(crate) fn places_in_turn(&self) -> impl Iterator<Item = u32> + '_ {
        let rest = &self.ring.rest;
        let left = rest.load(Ordering::Relaxed);
        // Others may do the same: it only has to come to an end.
        rest.store(left.saturating_sub(1), Ordering::Relaxed);
        let count = if left == 0 { self.place_count().saturating_sub(1) } else { 0 };
        (0..count).map(move |_| {
            let next = |last: u32| if last >= count { 1 } else { last + 1 };
            let cursor = &self.ring.cursor;
            let order = Ordering::Relaxed;
            cursor.fetch_update(order, order, |last| Some(next(last))).map_or(1, next)
        })
    }

    /// Lets requests rest that would find nothing either: as many as there are
    /// places, so that a look costs each of them no more than one step.
    pub(crate) fn rest_ring(&self) {
        if self.ring.rest.load(Ordering::Relaxed) == 0 {
            self.ring.rest.store(self.place_count(), Ordering::Relaxed);
        }
    }

    /// A chunk may have become one that can be overwritten.
    pub(crate) fn wake_ring(&self) {
        self.ring.rest.store(0, Ordering::Relaxed);
    }

    /// Notes that the journal has a chunk.
    pub(super) fn begin_ring(&self) {
        self.ring.has_begun.store(true, Ordering::Relaxed);
    }

    /// Whether the journal ever had a chunk: if not there is none to overwrite.
    pub(crate) fn has_ring(&self) -> bool {
        self.ring.has_begun.load(Ordering::Relaxed)
    }

    /// Notes that the journal goes round. True for the first one to do so.
    pub(crate) fn go_round(&self) -> bool {
        let goes_round = &self.ring.goes_round;
        !goes_round.load(Ordering::Relaxed) && !goes_round.swap(true, Ordering::Relaxed)
    }

    /// What stands at a place.
    pub(crate) fn place(&self, index: u32) -> Place {
        let Some(words) = self.chunk(index) else { return Place::Taken };
        // The mark first: what is read behind it belongs to it, or to a later
        // header; then a claim by this mark fails.
        let mark = words[MARK].load(Ordering::Acquire);
        let [first, owner] = [0, OWNER].map(|word| words[word].load(Ordering::Acquire));
        if first != u64::from(MAGIC) | u64::from(ChunkKind::Journal as u16) << 32 {
            return Place::Taken;
        }
        const {
            assert!(SEALED_AT == CHECKSUM_AT + 4);
        }
        match (mark >> 32) as u32 {
            0 => Place::Open((owner >> 32) as u32, Mark(mark)),
            SEALED => Place::Sealed(Mark(mark)),
            _ => Place::Taken,
        }
    }

    /// Step 2: claims a chunk whose records do not change any more, to count
    /// them as dropped. Answers its slot and its records; `None` where somebody
    /// else was first.
    pub(crate) fn claim_place(
        &self,
        index: u32,
        Mark(mark): Mark,
    ) -> Option<(u32, &'static [AtomicU64])> {
        let words = self.chunk(index)?;
        let going = mark & u64::from(u32::MAX) | u64::from(GOING) << 32;
        let order = (Ordering::AcqRel, Ordering::Relaxed);
        words[MARK].compare_exchange(mark, going, order.0, order.1).ok()?;
        Some(((words[OWNER].load(Ordering::Relaxed) >> 32) as u32, &words[HEADER_SIZE / 8..]))
    }

    /// Steps 3 and 4: what a claimed chunk held was counted, and nothing stands
    /// there any more.
    pub(crate) fn blank_place(&self, index: u32) {
        let Some(words) = self.chunk(index) else { return };
        // No store moves before or behind these: a kill leaves one of the steps.
        words[0].fetch_and(!u64::from(u32::MAX), Ordering::SeqCst);
        words[MARK + 1..].iter().for_each(|word| word.store(0, Ordering::Relaxed));
        words[MARK].swap(0, Ordering::SeqCst);
    }
}
