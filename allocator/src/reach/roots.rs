//! The memory in which the first pointers stand, in pieces, each with what it
//! is.

use core::ops::Range;

use crate::limits::{REACH_PIECES_MAX, REACH_THREADS_MAX};
use crate::{os, thread_blocks};

use super::dead::{Found, Layout};
use super::index::Index;
use super::interrupted::Interrupted;
use super::memory::Memory;
use super::pages::{List, Plain};
use super::verdict::{Held, Verdict};

/// What a thread's block has at least, bytes: the thread's keys are in it.
const BLOCK_SIZE: usize = 0x900;
/// Ranges that are known for what they are: scrubjay's mappings, and some for
/// each thread.
const SPANS_MAX: usize = 64 * 1024 + 4 * REACH_THREADS_MAX;

/// A range that is known for what it is.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    held: Verdict,
}

// SAFETY: it is made of integers, for which zeros are values.
unsafe impl Plain for Span {}

/// A piece of memory in which pointers count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) start: usize,
    pub(super) end: usize,
    /// What is held that is pointed to from there.
    pub(super) held: Verdict,
    /// Whether the address behind a block counts as a pointer to it.
    pub(super) end_counts: bool,
    pub(super) turn: Turn,
}

/// Which roots count before which others, where several hold a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Turn {
    /// Variables of loaded files: what they hold stays, and who looks for it finds
    /// them, whatever is left on stacks.
    Statics,
    /// Threads that live.
    Threads,
    /// Everything else.
    Rest,
}

// SAFETY: it is made of integers and an enumeration whose first value is 0.
unsafe impl Plain for Piece {}

/// What is known of a thread that stands still, or asks.
pub(super) struct Thread {
    pub(super) id: u32,
    pub(super) block: usize,
    /// Its stack is in use from here up.
    pub(super) stack_from: usize,
    pub(super) interrupted: Interrupted,
}

/// What finding the roots takes, got before anybody stands still.
pub(super) struct Roots {
    left_out: List<Span>,
    known: List<Span>,
    pieces: List<Piece>,
    /// How the C library lays a thread's block out.
    layout: Option<Layout>,
    /// How far thread-local variables lie from it, below and above.
    thread_locals: (usize, usize),
    /// Whether everything had its place.
    pub(super) is_complete: bool,
}

impl Roots {
    /// `None` where there is no memory. Not while others stand still: it takes
    /// the loader's lock.
    pub(super) fn new() -> Option<Self> {
        let roots = Self {
            left_out: List::new(SPANS_MAX)?,
            known: List::new(SPANS_MAX)?,
            pieces: List::new(REACH_PIECES_MAX)?,
            layout: Layout::here(),
            thread_locals: os::static_thread_locals(),
            is_complete: true,
        };
        roots.left_out.populate(256);
        roots.known.populate(256);
        roots.pieces.populate(1024);
        Some(roots)
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Leaves scrubjay's own mappings out, and its tables of addresses.
    pub(super) fn leave_own_out(&mut self) {
        self.leave_out(thread_blocks::table());
        os::each_own(|start, end| self.leave_out(start..end));
    }

    /// Takes a thread's stacks and variables for what they are.
    pub(super) fn add_thread(&mut self, memory: &Memory<'_>, thread: &Thread) {
        let Thread { id, block, stack_from, interrupted } = thread;
        let on_stack = Held::Stack { thread: *id };
        let signal_stack = interrupted.signal_stack.clone();
        let on_signal_stack = signal_stack.contains(&interrupted.stack);
        if on_signal_stack {
            self.leave_out(signal_stack.start..*stack_from);
            self.know(*stack_from..signal_stack.end, on_stack);
        } else {
            self.leave_out(signal_stack);
        }
        let (below, above) = self.thread_locals;
        let variables = block - below..block + above.max(BLOCK_SIZE);
        match memory.mappings().at(*stack_from) {
            // Its own stack is in use up to a place that is not known.
            _ if on_signal_stack => {}
            Some(region) if region.is_first_stack() => {
                self.leave_out(region.start..*stack_from);
                self.know(*stack_from..region.end, on_stack);
            }
            Some(region) if (*stack_from..region.end).contains(block) => {
                self.leave_out(below_in_use(memory, region.start..*stack_from));
                self.know(*stack_from..variables.start, on_stack);
            }
            // A coroutine's, of which nothing is known.
            _ => {}
        }
        self.know(variables, Held::ThreadLocal { thread: *id });
    }

    /// Leaves the stacks of threads out that have ended. What the C library
    /// knows of them still counts: it keeps memory of its own by that.
    pub(super) fn leave_dead_out(&mut self, memory: &Memory<'_>) {
        let Some(layout) = self.layout else { return };
        thread_blocks::each(|block| match layout.look_at(block) {
            Found::Dead => {
                if let Some(region) = memory.mappings().at(block) {
                    self.leave_out(below_in_use(memory, region.start..block));
                }
                true
            }
            Found::Other => true,
            Found::Nothing => false,
        });
    }

    /// Cuts all memory that counts into pieces.
    pub(super) fn cut(&mut self, memory: &Memory<'_>, index: &Index<'_>) {
        self.left_out.sort_unstable_by_key(|span| span.start);
        self.known.sort_unstable_by_key(|span| span.start);
        for region in memory.mappings().regions().iter().filter(|region| region.is_root()) {
            let (turn, held) = match region.module {
                0 => (Turn::Rest, Held::Elsewhere),
                // The place is noted where there is a pointer to a block.
                _ => (Turn::Statics, Held::Static { place: 0 }),
            };
            // The C library's words point to where its chunks begin, which is
            // where a block before ends.
            let is_heap = region.module == 0 && index.has_block_in(region.start, region.end);
            let piece = Piece {
                start: region.start,
                end: region.end,
                held: Verdict::of_root(held),
                end_counts: !region.is_of_c_library() && !is_heap,
                turn,
            };
            let Self { left_out, known, pieces, is_complete, .. } = self;
            // Each lies within one mapping.
            let first = known.partition_point(|span| span.start < region.start);
            let known = known.get(first..).unwrap_or(&[]);
            let mut add = |piece| *is_complete &= piece_is_empty(&piece) || pieces.push(piece);
            each_outside(left_out, region.start..region.end, |range| {
                memory.touched(range, |run| {
                    let piece = Piece { start: run.start, end: run.end, ..piece };
                    split(known, piece, &mut add);
                });
            });
        }
    }

    fn leave_out(&mut self, range: Range<usize>) {
        self.is_complete &= range.is_empty()
            || self.left_out.push(Span {
                start: range.start,
                end: range.end,
                held: Verdict::default(),
            });
    }

    fn know(&mut self, range: Range<usize>, held: Held) {
        let held = Verdict::of_root(held);
        self.is_complete &=
            range.is_empty() || self.known.push(Span { start: range.start, end: range.end, held });
    }
}

fn piece_is_empty(piece: &Piece) -> bool {
    piece.start >= piece.end
}

/// What a stack has used below its end: down to the first page that nobody has
/// touched. Mappings are no measure, since the kernel puts neighbours together
/// where no guard is between them.
fn below_in_use(memory: &Memory<'_>, range: Range<usize>) -> Range<usize> {
    let end = range.end;
    let mut used = end..end;
    memory.touched(range, |run| {
        used = if run.start == used.end { used.start..run.end } else { run };
    });
    if used.end == end { used } else { end..end }
}

/// Hands out the parts of a range that are in none of the spans, which are
/// sorted by their start and may overlap.
fn each_outside(spans: &[Span], range: Range<usize>, mut see: impl FnMut(Range<usize>)) {
    let mut start = range.start;
    for span in spans {
        if span.start >= range.end {
            break;
        }
        if span.start > start {
            see(start..span.start);
        }
        start = start.max(span.end);
    }
    if start < range.end {
        see(start..range.end);
    }
}

/// Cuts a piece where something is known of a part of it. The spans are sorted by
/// their start, and where they overlap the first one counts.
fn split(spans: &[Span], piece: Piece, see: &mut impl FnMut(Piece)) {
    let mut rest = piece;
    for span in spans {
        if span.start >= rest.end {
            break;
        }
        if span.end <= rest.start {
            continue;
        }
        if span.start > rest.start {
            see(Piece { end: span.start, ..rest });
            rest.start = span.start;
        }
        let end = span.end.min(rest.end);
        see(Piece { end, held: span.held, end_counts: true, turn: Turn::Threads, ..rest });
        rest.start = end;
    }
    see(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(ranges: &[(usize, usize)]) -> Vec<Span> {
        let span = |&(start, end)| Span { start, end, held: Verdict::default() };
        ranges.iter().map(span).collect()
    }

    #[test]
    fn what_is_outside_of_overlapping_spans_is_found() {
        let of = |ranges: &[(usize, usize)]| {
            let mut outside = Vec::new();
            each_outside(&spans(ranges), 10..50, |range| outside.push((range.start, range.end)));
            outside
        };
        assert_eq!(of(&[]), [(10, 50)]);
        assert_eq!(of(&[(0, 5), (5, 12), (20, 30), (22, 25), (49, 90)]), [(12, 20), (30, 49)]);
        assert_eq!(of(&[(0, 100), (20, 30)]), []);
    }

    #[test]
    fn a_piece_is_cut_where_something_is_known() {
        let piece = Piece {
            start: 10,
            end: 50,
            held: Verdict::of_root(Held::Elsewhere),
            end_counts: false,
            turn: Turn::Rest,
        };
        let mut pieces = Vec::new();
        let mut add = |piece: Piece| {
            if !piece_is_empty(&piece) {
                pieces.push((piece.start, piece.end, piece.turn));
            }
        };
        split(&spans(&[(0, 12), (20, 30), (28, 35), (45, 60)]), piece, &mut add);
        let threads = |start, end| (start, end, Turn::Threads);
        let rest = |start, end| (start, end, Turn::Rest);
        let expected = [
            threads(10, 12),
            rest(12, 20),
            threads(20, 30),
            threads(30, 35),
            rest(35, 45),
            threads(45, 50),
        ];
        assert_eq!(pieces, expected);
    }
}
