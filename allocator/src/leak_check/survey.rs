//! What is left of a check's work, and what still holds it, by place.
//!
//! Addresses of blocks stand in memory of scrubjay's own alone, which a scan
//! leaves out, and in frames that are gone by then: elsewhere they would pass for
//! the program's.

use std::collections::BTreeMap;

use super::paths;
use super::report::HeldBy;
use super::symbols;
use crate::live::{self, Block};
use crate::reach::{self, Counts, Held, List, Scan, ScanError};
use crate::site;
use crate::stack::scrub_stack;
use crate::{clock, own, owner};

/// What is left, by place and by what holds it.
#[derive(Debug, Default)]
pub(super) struct Survey {
    groups: Vec<Group>,
    /// Records of the blocks that are lost, and their births.
    lost: Vec<(u32, u64)>,
    pause_ns: Option<u64>,
    doubts: Vec<String>,
}

/// Which blocks are looked for.
pub(super) type Wanted<'a> = &'a dyn Fn(u32, &Block) -> bool;

/// A check, as far as its blocks are known by it.
pub(super) struct Check<'a> {
    /// Its context.
    pub(super) owner: u32,
    /// When it began, in ticks.
    pub(super) start: u64,
    /// The path of the function that its work stands in.
    pub(super) path: &'a str,
}

/// Blocks of one place that are held in one way.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// What its sites have in common: see [`symbols::place`].
    pub(super) place: u64,
    /// One of them.
    pub(super) site: u32,
    pub(super) held_by: HeldBy,
    pub(super) bytes: u64,
    pub(super) blocks: u64,
    /// The number of the thread that allocated the first.
    pub(super) thread: u32,
    /// When the first was allocated, in ticks.
    pub(super) born: u64,
}

impl Group {
    /// Whether nothing reaches its blocks.
    pub(super) fn is_lost(&self) -> bool {
        self.held_by.is_lost()
    }
}

impl Survey {
    /// Looks at which of the blocks that are wanted live, and at what holds them.
    /// Without any it costs a look at each record.
    pub(super) fn take(wanted: Wanted<'_>) -> Self {
        if !is_any_left(wanted) {
            return Self::default();
        }
        let mut doubts = Vec::new();
        match live::overflow_count() {
            0 => {}
            count => doubts.push(format!("{count} blocks found no record, and are not looked at")),
        }
        let (mut groups, mut lost) = (BTreeMap::new(), Vec::new());
        let mut pause_ns = None;
        let listed = clock::ticks();
        // The look at the blocks has left their addresses where the next frames
        // will stand.
        scrub_stack(usize::MAX);
        match look_around() {
            Ok((found, counts)) => {
                pause_ns = Some(counts.pause_ns);
                doubt(&mut doubts, &counts);
                sum_up(&mut groups, &mut lost, &found, listed, wanted);
            }
            Err(error) => {
                doubts.push(format!("what holds blocks is not known: {error:?}"));
                sum_up_unseen(&mut groups, wanted);
            }
        }
        Self { groups: groups.into_values().collect(), lost, pause_ns, doubts }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter()
    }

    /// The records of the blocks that are lost, and their births: which are no
    /// other block's.
    pub(super) fn lost(&self) -> &[(u32, u64)] {
        &self.lost
    }

    /// Whether it was looked at what holds the blocks.
    pub(super) fn is_scanned(&self) -> bool {
        self.pause_ns.is_some()
    }

    /// How long the threads stood still for that, in nanoseconds.
    pub(super) fn pause_ns(&self) -> Option<u64> {
        self.pause_ns
    }

    /// What could make it wrong.
    pub(super) fn doubts(&self) -> Vec<String> {
        self.doubts.clone()
    }
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

#[inline(never)]
fn is_any_left(wanted: Wanted<'_>) -> bool {
    let mut is_left = false;
    live::each(|record, block| is_left = is_left || wanted(record, &block));
    is_left
}

/// Finds out what holds each block.
#[inline(never)]
fn look_around() -> Result<(List<Found>, Counts), ScanError> {
    reach::aside(|aside| {
        let room = live::end() as usize;
        let mut blocks = List::new(room).ok_or(ScanError::NoRoom)?;
        let mut found = List::new(room).ok_or(ScanError::NoRoom)?;
        live::each(|record, Block { address, size, site, .. }| {
            let is_own = own::is_own(site::tag_of(site));
            blocks.push(reach::Block { address, size, note: record.into(), is_own });
        });
        let scan = aside.scan(&mut blocks)?;
        for (number, block) in (0..).zip(blocks.iter()) {
            let held_by = holder(&scan, number) as u32;
            let record = block.note as u32;
            found.push(Found { record, held_by, address: block.address });
        }
        Ok((found, scan.counts))
    })?
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

/// What could make an answer wrong.
fn doubt(doubts: &mut Vec<String>, counts: &Counts) {
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
}

type Groups = BTreeMap<(u64, HeldBy), Group>;

#[inline(never)]
fn sum_up(
    groups: &mut Groups,
    lost: &mut Vec<(u32, u64)>,
    found: &[Found],
    listed: u64,
    wanted: Wanted<'_>,
) {
    for &Found { record, held_by, address } in found {
        let Some(block) = live::get(record).filter(|block| wanted(record, block)) else { continue };
        // Others may have moved it, or made another in its place, before they
        // were stopped.
        let is_it = block.address == address && block.born < listed;
        let held_by = if is_it { HeldBy::of(held_by) } else { HeldBy::Unknown };
        if held_by.is_lost() {
            lost.push((record, block.born));
        }
        add(groups, &block, held_by);
    }
}

#[inline(never)]
fn sum_up_unseen(groups: &mut Groups, wanted: Wanted<'_>) {
    live::each(|record, block| {
        if wanted(record, &block) {
            add(groups, &block, HeldBy::Unknown);
        }
    });
}

fn add(groups: &mut Groups, block: &Block, held_by: HeldBy) {
    let place = symbols::place(block.site);
    let group = groups.entry((place, held_by)).or_insert(Group {
        place,
        site: block.site,
        held_by,
        bytes: 0,
        blocks: 0,
        thread: block.thread,
        born: block.born,
    });
    group.bytes += block.size as u64;
    group.blocks += 1;
    if block.born < group.born {
        (group.born, group.thread) = (block.born, block.thread);
    }
}

impl Check<'_> {
    /// Whether a block is of the check's work: its context's, or of those that
    /// its work had others allocate.
    pub(super) fn is_of(&self, block: &Block) -> bool {
        let tag = site::tag_of(block.site);
        if own::is_own(tag) {
            return false;
        }
        let is_owned = block.owner == self.owner;
        if block.born < self.start || tag == block.site {
            return is_owned;
        }
        let is_direct = |owner: &owner::Owner| owner.is_own_thread(block.thread);
        if owner::get(block.owner).is_some_and(is_direct) {
            return is_owned;
        }
        paths::is_of(block.site, self.path).unwrap_or(is_owned)
    }
}
