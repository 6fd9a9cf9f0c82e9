//! Marking what can be reached, breadth first.

use super::index::Index;
use super::memory::{self, Memory};
use super::pages::{List, Pages};
use super::roots::{Piece, Thread};
use super::verdict::{Held, Verdict};
use crate::limits::TRAILER_SIZE;
use crate::os;

/// How many blocks are gone through between two looks at the clock.
const STRIDE: usize = 1024;

/// Blocks that were reached, and those that have not been gone through.
pub(super) struct Marker<'m> {
    index: &'m Index<'m>,
    verdicts: &'m mut Pages<Verdict>,
    /// Every block that was reached, once.
    queue: &'m mut List<u32>,
    /// The first one that was not gone through.
    next: usize,
    end_ns: u64,
}

impl<'m> Marker<'m> {
    /// Gives up at a moment.
    pub(super) fn new(
        index: &'m Index<'m>,
        verdicts: &'m mut Pages<Verdict>,
        queue: &'m mut List<u32>,
        end_ns: u64,
    ) -> Self {
        Self { index, verdicts, queue, next: 0, end_ns }
    }

    #[inline(always)]
    fn word(&mut self, word: usize, held: Verdict, end_counts: bool) {
        if self.index.may_hold(word) {
            self.pointer(word, held, end_counts);
        }
    }

    #[inline(never)]
    fn pointer(&mut self, word: usize, held: Verdict, end_counts: bool) {
        if let Some(block) = self.index.find(word, end_counts)
            && let Some(verdict) = self.verdicts.get_mut(block as usize)
            && verdict.is_open()
        {
            *verdict = held;
            self.queue.push(block);
        }
    }

    /// Goes through a piece of memory, but for the blocks in it and their
    /// trailers.
    pub(super) fn root(&mut self, memory: &mut Memory<'_>, piece: &Piece) {
        let Some(region) = memory.mappings().at(piece.start) else { return };
        let blocks = self.index.blocks();
        let mut block = self.index.first_behind(piece.start);
        let mut start = piece.start;
        while start < piece.end {
            let next = blocks.get(block).filter(|next| next.address < piece.end);
            let end = next.map_or(piece.end, |next| next.address);
            if start < end {
                let mut see = |word| self.word(word, piece.held, piece.end_counts);
                memory.part(start..end, region, &mut see);
            }
            let Some(next) = next else { break };
            start = start.max(next.end() + TRAILER_SIZE);
            block += 1;
        }
    }

    /// Goes through a thread's registers.
    pub(super) fn registers(&mut self, thread: &Thread) {
        let held = Verdict::of_root(Held::Register { thread: thread.id });
        for range in &thread.interrupted.registers {
            // SAFETY: the kernel wrote them for a handler that has not returned.
            unsafe { memory::in_place(range.clone(), &mut |word| self.word(word, held, true)) };
        }
    }

    /// Goes through the blocks that were reached, and those that are reached by
    /// it. False where time is over.
    pub(super) fn go_on(&mut self, memory: &mut Memory<'_>) -> bool {
        while let Some(&number) = self.queue.get(self.next) {
            if self.next.is_multiple_of(STRIDE) && os::monotonic_ns() > self.end_ns {
                return false;
            }
            self.next += 1;
            let verdict = self.verdicts.get(number as usize).copied();
            let Some(block) = self.index.blocks().get(number as usize) else { continue };
            let held = verdict.unwrap_or_default().through(number);
            memory.words(block.address..block.end(), |word| self.word(word, held, true));
        }
        true
    }

    pub(super) fn is_over(&self) -> bool {
        os::monotonic_ns() > self.end_ns
    }
}
