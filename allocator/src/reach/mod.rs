//! Which blocks the program can still reach: a conservative search from all that
//! is not a block, with all threads standing still.
//!
//! It takes nothing from any heap and no lock that a thread may hold, since these
//! stand still anywhere.

mod aside;
mod block;
mod dead;
mod index;
mod interrupted;
mod lost;
mod mappings;
mod mark;
mod memory;
mod pages;
mod roots;
mod scan;
mod seats;
mod stop;
#[cfg(test)]
mod tests;
mod verdict;

use core::ops::Range;

use crate::control::control;
use crate::limits::{REACH_BLOCKS_MAX, REACH_SEARCH_NS};
use crate::os;

use index::Index;
use interrupted::Interrupted;
use lost::Failed;
use mappings::Mappings;
use mark::Marker;
use memory::Memory;
use roots::{Roots, Thread, Turn};
use stop::Stop;
use verdict::Verdict;

pub(crate) use block::Block;
#[cfg(feature = "leak-check")]
pub(crate) use pages::Plain;
pub(crate) use pages::{List, Pages};
pub(crate) use scan::{Counts, Scan};
pub(crate) use stop::let_in;
pub(crate) use verdict::Held;

/// So many blocks or fewer are held by variables themselves, mostly.
const PLACES: usize = 512;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanError {
    /// There is no memory, or no signal that the program does not use.
    NoRoom,
    /// There are more blocks, mappings or pieces of memory than the limits allow.
    TooMany,
    /// The kernel does not tell of the process's mappings.
    NoMappings,
    /// It took too long.
    TooLong,
}

/// Runs `act` on a stack of its own, so that whatever it leaves in its frames
/// holds nothing: from there on down, the calling thread's own stack counts as
/// unused. One at a time. A panic in there aborts.
pub(crate) fn aside<T>(act: impl FnOnce(&Aside) -> T) -> Result<T, ScanError> {
    let guard = control().searches.wait();
    let signal_stack = os::signal_stack().unwrap_or_default();
    let run = || aside::run(|stack| act(&Aside { stack, signal_stack }));
    let answer = os::without_signals(run).ok_or(ScanError::NoRoom);
    drop(guard);
    answer
}

/// A thread that runs aside.
pub(crate) struct Aside {
    /// Where its own stack ends meanwhile.
    stack: usize,
    /// Its stack for signals, on which it may have stood still for others; empty
    /// for none.
    signal_stack: Range<usize>,
}

/// What a search takes, got before anybody stands still.
struct Room {
    mappings: Mappings,
    memory: memory::Room,
    roots: Roots,
}

/// What a search takes for each block.
struct Blocks<'b> {
    index: Index<'b>,
    verdicts: Pages<Verdict>,
    queue: List<u32>,
    places: List<usize>,
}

impl Aside {
    /// Says of each block how it is held. They are sorted by address for it, and
    /// are known by their number in that order from then on.
    ///
    /// All other threads stand still meanwhile; where that lasts longer than
    /// `pause_max_ns` there is no answer. Not within an allocation.
    pub(crate) fn scan(&self, blocks: &mut [Block], pause_max_ns: u64) -> Result<Scan, ScanError> {
        // Before anybody stands still.
        let blocks = Blocks::new(blocks)?;
        let room = Room::new().ok_or(ScanError::NoRoom)?;
        let stop = stop::Room::new().ok_or(ScanError::NoRoom)?;
        self.search(Stop::begin(stop), room, blocks, pause_max_ns.min(REACH_SEARCH_NS))
    }

    fn search(
        &self,
        stop: Stop,
        room: Room,
        blocks: Blocks<'_>,
        pause_max_ns: u64,
    ) -> Result<Scan, ScanError> {
        let Room { mut mappings, memory: mut memory_room, mut roots } = room;
        let Blocks { index, mut verdicts, mut queue, mut places } = blocks;
        let end_ns = stop.start_ns + pause_max_ns;
        if !mappings.read() {
            return Err(ScanError::NoMappings);
        }
        let mut counts = Counts::default();
        let mut memory = Memory::new(&mappings, &mut memory_room, stop.is_still());
        roots.leave_own_out();
        roots.leave_dead_out(&memory);
        roots.add_thread(&memory, &self.thread());
        each_standing(&stop, |thread| {
            counts.stopped_count += 1;
            roots.add_thread(&memory, thread);
        });
        roots.cut(&memory, &index);
        if !roots.is_complete {
            return Err(ScanError::TooMany);
        }
        let mut marker = Marker::new(&index, &mut verdicts, &mut queue, &mut places, end_ns);
        for turn in [Turn::Statics, Turn::Threads, Turn::Rest] {
            let before = memory.read_size;
            for piece in roots.pieces().iter().filter(|piece| piece.turn == turn) {
                marker.root(&mut memory, piece);
            }
            if turn == Turn::Threads {
                each_standing(&stop, |thread| marker.registers(thread));
            }
            counts.root_size += memory.read_size - before;
            counts.unreadable_root_size = memory.unreadable_size - counts.unreadable_block_size;
            let (before, unreadable) = (memory.read_size, memory.unreadable_size);
            if marker.is_over() || !marker.go_on(&mut memory) {
                return Err(ScanError::TooLong);
            }
            counts.block_size += memory.read_size - before;
            counts.unreadable_block_size += memory.unreadable_size - unreadable;
        }
        let unreadable = memory.unreadable_size;
        let lost =
            lost::judge(&mut memory, &index, &mut verdicts, end_ns).map_err(
                |failed| match failed {
                    Failed::NoMemory => ScanError::NoRoom,
                    Failed::TooLong => ScanError::TooLong,
                },
            )?;
        counts.unreadable_block_size += memory.unreadable_size - unreadable;
        counts.running_count = stop.running_count;
        counts.is_stop_complete = stop.is_complete;
        counts.missed_count =
            (os::own_missed_count() + crate::thread_blocks::missed_count()) as u64;
        counts.pause_ns = os::monotonic_ns() - stop.start_ns;
        drop(stop);
        Ok(Scan::new(counts, verdicts, places, lost))
    }
}

/// Hands out the threads that stand still.
fn each_standing(stop: &Stop, mut see: impl FnMut(&Thread)) {
    for standing in stop.standing() {
        // SAFETY: the thread stands still in the handler that got the context.
        let interrupted = unsafe { interrupted::read(standing.context) };
        let stack_from = interrupted.stack.saturating_sub(interrupted::RED_ZONE);
        let (id, block) = (standing.thread, standing.block);
        see(&Thread { id, block, stack_from, interrupted });
    }
}

impl Aside {
    /// The calling thread: its registers stand on its stack.
    fn thread(&self) -> Thread {
        let (stack, signal_stack) = (self.stack, self.signal_stack.clone());
        let interrupted = Interrupted { stack, signal_stack, ..Interrupted::default() };
        let (id, block) = (os::thread_id(), os::thread_block());
        Thread { id, block, stack_from: self.stack, interrupted }
    }
}

impl Room {
    fn new() -> Option<Self> {
        Some(Self {
            mappings: Mappings::new()?,
            memory: memory::Room::new()?,
            roots: Roots::new()?,
        })
    }
}

impl<'b> Blocks<'b> {
    fn new(blocks: &'b mut [Block]) -> Result<Self, ScanError> {
        if blocks.len() > REACH_BLOCKS_MAX {
            return Err(ScanError::TooMany);
        }
        blocks.sort_unstable_by_key(|block| block.address);
        let room = || {
            let mut verdicts = Pages::new(blocks.len())?;
            let queue = List::new(blocks.len())?;
            verdicts.populate(blocks.len());
            for (verdict, _) in verdicts.iter_mut().zip(&*blocks).filter(|(_, block)| block.is_own)
            {
                *verdict = Verdict::of_root(Held::Elsewhere);
            }
            queue.populate(blocks.len());
            let places = List::new(blocks.len())?;
            places.populate(blocks.len().min(PLACES));
            Some(Self { index: Index::new(blocks)?, verdicts, queue, places })
        };
        room().ok_or(ScanError::NoRoom)
    }
}
