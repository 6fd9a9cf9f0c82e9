//! A look at how every live block is held, by the numbers of their records.
//!
//! Addresses of blocks stand in memory of scrubjay's own alone, which a search
//! leaves out, and in frames that are gone by then: elsewhere they would pass for
//! the program's.

use super::held_by::HeldBy;
use crate::live::{self, Block};
use crate::reach::{self, Counts, Held, List, Scan, ScanError};
use crate::stack::scrub_stack;
use crate::{clock, own, site};

/// How each block was held that lived when the look began.
pub(crate) struct Look {
    /// In the order of addresses, by which the search numbers them.
    found: List<Found>,
    scan: Scan,
    /// When the blocks were listed, in ticks.
    listed: u64,
    /// What was searched.
    pub(crate) counts: Counts,
}

/// The record of a block.
#[derive(Clone, Copy)]
struct Found {
    record: u32,
    address: usize,
}

// SAFETY: it is made of integers, for which zeros are values.
unsafe impl reach::Plain for Found {}

/// A block that lives still.
pub(crate) struct Seen<'b> {
    /// Its number in the look.
    pub(super) number: u32,
    /// That of its record.
    pub(super) record: u32,
    pub(crate) block: &'b Block,
    pub(crate) held_by: HeldBy,
}

/// Which blocks are looked for, by their records.
pub(super) type Wanted<'a> = &'a dyn Fn(u32, &Block) -> bool;

/// Where the chain of blocks begins by which a block is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Holder {
    /// Of which no more is known.
    Unnamed,
    /// A variable: an address in it.
    Static(usize),
    /// A thread, by the system's id.
    Thread(u32),
}

/// How many blocks of a chain are counted.
const CHAIN_MAX: usize = 1000;

impl Look {
    /// Looks around, which the other threads stand still for, no longer than this
    /// many nanoseconds.
    #[inline(never)]
    pub(crate) fn take(pause_max_ns: u64) -> Result<Self, ScanError> {
        let listed = clock::ticks();
        // Whoever looked at blocks before has left their addresses where the next
        // frames will stand.
        scrub_stack(usize::MAX);
        reach::aside(|aside| {
            let room = live::end() as usize;
            let mut blocks = List::new(room).ok_or(ScanError::NoRoom)?;
            let mut found = List::new(room).ok_or(ScanError::NoRoom)?;
            live::each(|record, Block { address, size, site, .. }| {
                let is_own = own::is_own(site::tag_of(site));
                blocks.push(reach::Block { address, size, note: record.into(), is_own });
            });
            let scan = aside.scan(&mut blocks, pause_max_ns)?;
            for block in blocks.iter() {
                found.push(Found { record: block.note as u32, address: block.address });
            }
            Ok(Self { found, counts: scan.counts, scan, listed })
        })?
    }

    /// Hands out the blocks that live still.
    pub(crate) fn each(&self, mut then: impl FnMut(&Seen<'_>)) {
        for (number, found) in (0..).zip(self.found.iter()) {
            let Some(block) = live::get(found.record) else { continue };
            let held_by = if self.is_it(found, &block) {
                holder(&self.scan, number)
            } else {
                HeldBy::Unknown
            };
            then(&Seen { number, record: found.record, block: &block, held_by });
        }
    }

    /// Where the chain begins by which a block is held.
    pub(super) fn holder(&self, number: u32) -> Holder {
        match self.scan.root(number) {
            Held::Static { place } => {
                self.scan.place(place).map_or(Holder::Unnamed, Holder::Static)
            }
            Held::ThreadLocal { thread } | Held::Stack { thread } | Held::Register { thread } => {
                Holder::Thread(thread)
            }
            _ => Holder::Unnamed,
        }
    }

    /// How many blocks stand between a block and what holds the first of them, as
    /// far as they are counted.
    pub(super) fn distance(&self, number: u32) -> u64 {
        let parent = |number: &u32| match self.scan.held(*number) {
            Held::Block { parent } | Held::LostThrough { parent } => Some(parent),
            _ => None,
        };
        let chain = core::iter::successors(Some(number), parent);
        chain.take(CHAIN_MAX).count() as u64 - 1
    }

    /// Hands out the groups of lost blocks that hold each other, by the numbers of
    /// their members.
    pub(super) fn rings(&self) -> impl Iterator<Item = &[u32]> {
        self.scan.cycles()
    }

    /// The group that a lost block is in through which a lost block is held, or the
    /// block's own one: its place among them.
    pub(super) fn ring_of(&self, number: u32) -> Option<usize> {
        self.scan.cycle_of(self.scan.lost_root(number)?)
    }

    /// The lost blocks that a lost one points to, and how far behind its start.
    pub(super) fn held_by(&self, number: u32) -> impl Iterator<Item = (u32, u32)> {
        self.scan.held_by(number)
    }

    /// A block by its number, if it lives still; the number of its record.
    pub(super) fn block(&self, number: u32) -> Option<(u32, Block)> {
        let found = self.found.get(number as usize)?;
        let block = live::get(found.record).filter(|block| self.is_it(found, block))?;
        Some((found.record, block))
    }

    /// Hands out the cycles of lost blocks, as their members' sites and sizes.
    pub(crate) fn each_cycle(&self, mut then: impl FnMut(&[(u32, u64)])) {
        let mut members = Vec::new();
        for cycle in self.scan.cycles() {
            members.clear();
            let site = |&member: &u32| {
                self.block(member).map(|(_, block)| (block.site, block.size as u64))
            };
            members.extend(cycle.iter().filter_map(site));
            // What is not whole any more was none.
            if members.len() == cycle.len() {
                then(&members);
            }
        }
    }

    /// Whether a record is still that of the block that was found: others may have
    /// moved it, or made another in its place, before they stood still.
    fn is_it(&self, found: &Found, block: &Block) -> bool {
        block.address == found.address && block.born < self.listed
    }

    /// What could make it wrong.
    pub(crate) fn doubts(&self) -> Vec<String> {
        let counts = &self.counts;
        let mut doubts = Vec::new();
        match live::overflow_count() {
            0 => {}
            count => doubts.push(format!("{count} blocks found no record, and are not looked at")),
        }
        if counts.running_count > 0 || !counts.is_stop_complete {
            doubts.push(format!("{} threads or more did not stand still", counts.running_count));
        }
        if counts.missed_count > 0 {
            doubts.push(format!("{} mappings may hold what is lost", counts.missed_count));
        }
        let unreadable = counts.unreadable_root_size + counts.unreadable_block_size;
        if unreadable > 0 {
            doubts.push(format!("{unreadable} bytes could not be read"));
        }
        doubts
    }
}

fn holder(scan: &Scan, block: u32) -> HeldBy {
    match scan.root(block) {
        Held::Static { .. } => HeldBy::Static,
        Held::ThreadLocal { .. } => HeldBy::ThreadLocal,
        Held::Stack { .. } | Held::Register { .. } => HeldBy::Stack,
        Held::Elsewhere | Held::Block { .. } => HeldBy::Elsewhere,
        Held::Lost | Held::LostThrough { .. } => match scan.held(block) {
            Held::LostThrough { .. } => HeldBy::Lost,
            _ if scan.cycle_of(block).is_some() => HeldBy::Cycle,
            _ => HeldBy::Nothing,
        },
    }
}
