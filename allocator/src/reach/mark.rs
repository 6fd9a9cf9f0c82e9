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
/// Pointers that are looked up together: each look is some loads from memory that
/// is in no cache, and those of one do not wait for those of another.
const TOGETHER: usize = 64;
/// How many blocks ahead their content is fetched, and where that is, which is
/// known by then.
const AHEAD: usize = 8;
/// So many blocks that are as far from the roots are gone through by address:
/// neighbours share pages, and lines.
const SORTED_MIN: usize = 256;
const LINE: usize = 64;
/// Less than this between two blocks, with the C library's word before each, is no
/// room for a block of C (glibc's least one is 24 bytes). Where both are scrubjay's
/// own, which are as many as a program's symbols, it is not looked at.
const GAP_MIN: usize = 40;

/// A word that may point to a block, and what is held by it.
#[derive(Clone, Copy)]
struct Candidate {
    word: usize,
    /// Where it stands, outside of blocks.
    address: usize,
    held: Verdict,
    end_counts: bool,
}

/// Blocks that were reached, and those that have not been gone through.
pub(super) struct Marker<'m> {
    index: &'m Index<'m>,
    verdicts: &'m mut Pages<Verdict>,
    /// Every block that was reached, once.
    queue: &'m mut List<u32>,
    /// Where the words stand in variables by which blocks were reached.
    places: &'m mut List<usize>,
    /// The first one that was not gone through.
    next: usize,
    /// Where those begin that are a step farther from the roots.
    step: usize,
    candidates: [Candidate; TOGETHER],
    candidate_count: usize,
    end_ns: u64,
}

impl<'m> Marker<'m> {
    /// Gives up at a moment.
    pub(super) fn new(
        index: &'m Index<'m>,
        verdicts: &'m mut Pages<Verdict>,
        queue: &'m mut List<u32>,
        places: &'m mut List<usize>,
        end_ns: u64,
    ) -> Self {
        let none = Candidate { word: 0, address: 0, held: Verdict::default(), end_counts: false };
        let candidates = [none; TOGETHER];
        Self {
            index,
            verdicts,
            queue,
            places,
            next: 0,
            step: 0,
            candidates,
            candidate_count: 0,
            end_ns,
        }
    }

    #[inline(always)]
    fn note(&mut self, address: usize, word: usize, held: Verdict, end_counts: bool) {
        let candidate = Candidate { word, address, held, end_counts };
        if let Some(place) = self.candidates.get_mut(self.candidate_count) {
            *place = candidate;
            self.candidate_count += 1;
        }
        if self.candidate_count == TOGETHER {
            self.look_up();
        }
    }

    /// Looks all candidates up, in steps that each of them makes before any makes
    /// the next one.
    #[inline(never)]
    fn look_up(&mut self) {
        let Self { index, verdicts, queue, places, candidates, candidate_count, .. } = self;
        let candidates = candidates.get(..*candidate_count).unwrap_or(&[]);
        let mut found = [None; TOGETHER];
        for (place, candidate) in found.iter_mut().zip(candidates) {
            *place = index.bucket(candidate.word);
        }
        for (place, candidate) in found.iter_mut().zip(candidates) {
            *place = index.find_from(*place, candidate.word, candidate.end_counts);
        }
        let mut open = [false; TOGETHER];
        for (open, block) in open.iter_mut().zip(found) {
            *open = block
                .and_then(|block| verdicts.get(block as usize))
                .is_some_and(|verdict| verdict.is_open());
        }
        for ((candidate, block), _) in
            candidates.iter().zip(found).zip(open).filter(|(_, open)| *open)
        {
            // Another one may have led there just now.
            if let Some(block) = block
                && let Some(verdict) = verdicts.get_mut(block as usize)
                && verdict.is_open()
            {
                *verdict = candidate.held;
                if verdict.is_static() {
                    *verdict = verdict.at(places.len() as u32);
                    places.push(candidate.address);
                }
                queue.push(block);
            }
        }
        *candidate_count = 0;
    }

    /// Goes through a piece of memory, but for the blocks in it and their
    /// trailers.
    pub(super) fn root(&mut self, memory: &mut Memory<'_>, piece: &Piece) {
        let Some(region) = memory.mappings().at(piece.start) else { return };
        let (blocks, filter) = (self.index.blocks(), self.index.filter());
        let mut block = self.index.first_behind(piece.start);
        let mut start = piece.start;
        let mut is_behind_own = false;
        while start < piece.end {
            let next = blocks.get(block).filter(|next| next.address < piece.end);
            let end = next.map_or(piece.end, |next| next.address);
            let is_between_own = is_behind_own && next.is_some_and(|next| next.is_own);
            if start < end && !(is_between_own && end - start < GAP_MIN) {
                let mut see = |address, word| {
                    if filter.may_hold(word) {
                        self.note(address, word, piece.held, piece.end_counts);
                    }
                };
                memory.part(start..end, region, &mut see);
            }
            let Some(next) = next else { break };
            start = start.max(next.end() + TRAILER_SIZE);
            is_behind_own = next.is_own;
            block += 1;
        }
    }

    /// Goes through a thread's registers.
    pub(super) fn registers(&mut self, thread: &Thread) {
        let held = Verdict::of_root(Held::Register { thread: thread.id });
        let filter = self.index.filter();
        for range in &thread.interrupted.registers {
            let mut see = |address, word| {
                if filter.may_hold(word) {
                    self.note(address, word, held, true);
                }
            };
            // SAFETY: the kernel wrote them for a handler that has not returned.
            unsafe { memory::in_place(range.clone(), &mut see) };
        }
    }

    /// Goes through the blocks that were reached, and those that are reached by
    /// it. False where time is over.
    pub(super) fn go_on(&mut self, memory: &mut Memory<'_>) -> bool {
        let filter = self.index.filter();
        loop {
            if self.next == self.step && !self.begin_step() {
                return true;
            }
            let Some(&number) = self.queue.get(self.next) else { return true };
            self.fetch_ahead();
            if self.next.is_multiple_of(STRIDE) && os::monotonic_ns() > self.end_ns {
                return false;
            }
            self.next += 1;
            let verdict = self.verdicts.get(number as usize).copied();
            let Some(block) = self.index.blocks().get(number as usize) else { continue };
            let held = verdict.unwrap_or_default().through(number);
            memory.words(block.address..block.end(), |address, word| {
                if filter.may_hold(word) {
                    self.note(address, word, held, true);
                }
            });
        }
    }

    /// Begins with those that are a step farther; false where there are none.
    fn begin_step(&mut self) -> bool {
        self.look_up();
        self.step = self.queue.len();
        let step = self.queue.get_mut(self.next..).unwrap_or(&mut []);
        if step.len() >= SORTED_MIN {
            step.sort_unstable();
        }
        !step.is_empty()
    }

    /// Has the processor fetch what is gone through soon.
    #[inline(always)]
    fn fetch_ahead(&self) {
        let blocks = self.index.blocks();
        let block = |ahead: usize| blocks.get(*self.queue.get(self.next + ahead)? as usize);
        if let Some(block) = block(2 * AHEAD) {
            fetch(core::ptr::from_ref(block).addr());
        }
        if let Some(block) = block(AHEAD) {
            fetch(block.address);
            fetch(block.address.wrapping_add(LINE));
        }
    }

    pub(super) fn is_over(&self) -> bool {
        os::monotonic_ns() > self.end_ns
    }
}

/// Has the processor fetch a line, if there is one.
#[inline(always)]
fn fetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which never faults.
    unsafe {
        core::arch::asm!(
            "prefetcht0 [{}]",
            in(reg) address,
            options(readonly, nostack, preserves_flags),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        core::arch::asm!(
            "prfm pldl1keep, [{}]",
            in(reg) address,
            options(readonly, nostack, preserves_flags),
        );
    }
}
