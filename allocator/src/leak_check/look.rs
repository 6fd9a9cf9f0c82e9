//! A look at how every live block is held, by the numbers of their records.
//!
//! Addresses of blocks stand in memory of scrubjay's own alone, which a search
//! leaves out, and in frames that are gone by then: elsewhere they would pass for
//! the program's.

use super::report::HeldBy;
use crate::live::{self, Block};
use crate::reach::{self, Counts, Held, List, Scan, ScanError};
use crate::stack::scrub_stack;
use crate::{clock, own, site};

/// How each block was held that lived when the look began.
pub(crate) struct Look {
    /// In the order of addresses.
    found: List<Found>,
    /// Of each cycle how many members it has, then their places in `found`.
    cycles: List<u32>,
    /// When the blocks were listed, in ticks.
    listed: u64,
    /// What was searched.
    pub(crate) counts: Counts,
}

/// How the block of a record is held.
#[derive(Clone, Copy)]
struct Found {
    record: u32,
    held_by: u32,
    address: usize,
}

// SAFETY: it is made of integers, for which zeros are values.
unsafe impl reach::Plain for Found {}

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
            // Every block is in one cycle at most, and none has less than one.
            let mut cycles = List::new(2 * room).ok_or(ScanError::NoRoom)?;
            live::each(|record, Block { address, size, site, .. }| {
                let is_own = own::is_own(site::tag_of(site));
                blocks.push(reach::Block { address, size, note: record.into(), is_own });
            });
            let scan = aside.scan(&mut blocks, pause_max_ns)?;
            for (number, block) in (0..).zip(blocks.iter()) {
                let held_by = holder(&scan, number) as u32;
                let record = block.note as u32;
                found.push(Found { record, held_by, address: block.address });
            }
            for members in scan.cycles() {
                cycles.push(members.len() as u32);
                members.iter().for_each(|&member| {
                    cycles.push(member);
                });
            }
            Ok(Self { found, cycles, listed, counts: scan.counts })
        })?
    }

    /// Hands out the blocks that live still, each with the number of its record.
    pub(crate) fn each(&self, mut then: impl FnMut(u32, &Block, HeldBy)) {
        for found in self.found.iter() {
            let Some(block) = live::get(found.record) else { continue };
            let held_by =
                if self.is_it(found, &block) { HeldBy::of(found.held_by) } else { HeldBy::Unknown };
            then(found.record, &block, held_by);
        }
    }

    /// Hands out the cycles of lost blocks, as their members' sites and sizes.
    pub(crate) fn each_cycle(&self, mut then: impl FnMut(&[(u32, u64)])) {
        let mut rest = &self.cycles[..];
        let mut members = Vec::new();
        while let Some((&count, behind)) = rest.split_first() {
            let Some((cycle, behind)) = behind.split_at_checked(count as usize) else { break };
            rest = behind;
            members.clear();
            members.extend(cycle.iter().filter_map(|&member| {
                let found = self.found.get(member as usize)?;
                let block = live::get(found.record).filter(|block| self.is_it(found, block))?;
                Some((block.site, block.size as u64))
            }));
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
