//! What a search found.

use super::lost::Lost;
use super::pages::{List, Pages};
use super::verdict::{Held, Verdict};

/// What was looked at, and what came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Threads that stood still, but for the one that asked.
    pub(crate) stopped_count: u32,
    /// Threads that went on: what they moved meanwhile may be missed, and their
    /// stacks were searched whole.
    pub(crate) running_count: u32,
    /// Whether the list of threads came to an end: if not there may be more that
    /// went on.
    pub(crate) is_stop_complete: bool,
    /// Mappings of scrubjay's and stacks of threads that could not be noted for
    /// what they are, since the process began: they count as the program's
    /// memory, and may hold what is lost.
    pub(crate) missed_count: u64,
    /// Bytes of memory outside of blocks that were searched.
    pub(crate) root_size: u64,
    /// Bytes of blocks that were searched.
    pub(crate) block_size: u64,
    /// Bytes outside of blocks that could not be read: they may hold blocks that
    /// seem to be lost.
    pub(crate) unreadable_root_size: u64,
    /// The same, within blocks.
    pub(crate) unreadable_block_size: u64,
    /// How long the other threads stood still, in nanoseconds.
    pub(crate) pause_ns: u64,
}

/// How each block is held, by its number in the order of addresses.
pub(crate) struct Scan {
    /// What was looked at.
    pub(crate) counts: Counts,
    verdicts: Pages<Verdict>,
    /// Where the words stand in variables that hold blocks.
    places: List<usize>,
    lost: Lost,
}

impl Scan {
    pub(super) fn new(
        counts: Counts,
        verdicts: Pages<Verdict>,
        places: List<usize>,
        lost: Lost,
    ) -> Self {
        Self { counts, verdicts, places, lost }
    }

    fn verdict(&self, block: u32) -> Verdict {
        self.verdicts.get(block as usize).copied().unwrap_or_default()
    }

    /// What holds a block.
    pub(crate) fn held(&self, block: u32) -> Held {
        self.verdict(block).held()
    }

    /// What holds the first block of those through which a block is held.
    pub(crate) fn root(&self, block: u32) -> Held {
        self.verdict(block).root()
    }

    /// The address of a place in a variable.
    pub(crate) fn place(&self, number: u32) -> Option<usize> {
        self.places.get(number as usize).copied()
    }

    /// The block that is lost by itself through which a lost block is held, or that
    /// block itself.
    pub(crate) fn lost_root(&self, block: u32) -> Option<u32> {
        self.verdict(block).lost_root()
    }

    /// The lost blocks that a lost block points to, and how far behind its start
    /// the pointers stand.
    pub(crate) fn held_by(&self, block: u32) -> impl Iterator<Item = (u32, u32)> {
        self.lost.graph.held_by(block)
    }

    /// The cycles of lost blocks: the members of each, in an order in which they
    /// hold each other where it is a plain ring.
    pub(crate) fn cycles(&self) -> impl Iterator<Item = &[u32]> {
        self.lost.cycles.cycles.iter().map(|cycle| {
            let (first, count) = (cycle.first as usize, cycle.count as usize);
            self.lost.cycles.members.get(first..first + count).unwrap_or(&[])
        })
    }

    /// The number of the cycle that a lost block is in.
    pub(crate) fn cycle_of(&self, block: u32) -> Option<usize> {
        let number = self.lost.cycles.cycle_of.get(block as usize)?;
        (*number as usize).checked_sub(1)
    }
}
