//! What is left of a check's work, and what still holds it, by place.
//!
//! Addresses of blocks stand in memory of scrubjay's own alone, which a scan
//! leaves out: on the heap or on a stack they would pass for the program's.

use std::collections::BTreeMap;

use super::paths;
use super::report::HeldBy;
use super::symbols;
use crate::live::{self, Block};
use crate::site;
use crate::{own, owner};

/// What is left, by place and by what holds it.
#[derive(Debug, Default)]
pub(super) struct Survey {
    groups: Vec<Group>,
    pause_ns: Option<u64>,
    doubts: Vec<String>,
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
    /// Looks at what an owner's blocks are, and at those that its work had
    /// others allocate since `start`. Without any it costs a look at each record.
    pub(super) fn take(owner: u32, start: u64, path: &str) -> Self {
        let mut groups: BTreeMap<(u64, HeldBy), Group> = BTreeMap::new();
        live::each(|block| {
            if is_of(&block, owner, start, path) {
                add(&mut groups, &block, HeldBy::Unknown);
            }
        });
        let mut doubts = Vec::new();
        match live::overflow_count() {
            0 => {}
            count => doubts.push(format!("{count} blocks found no record, and are not looked at")),
        }
        Self { groups: groups.into_values().collect(), doubts, ..Self::default() }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter()
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

fn add(groups: &mut BTreeMap<(u64, HeldBy), Group>, block: &Block, held_by: HeldBy) {
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

/// Whether a block is of a check's work.
fn is_of(block: &Block, owner: u32, start: u64, path: &str) -> bool {
    let tag = site::tag_of(block.site);
    if own::is_own(tag) {
        return false;
    }
    if block.born < start || tag == block.site {
        return block.owner == owner;
    }
    let is_direct = |owner: &owner::Owner| owner.is_own_thread(block.thread);
    if owner::get(block.owner).is_some_and(is_direct) {
        return block.owner == owner;
    }
    paths::is_of(block.site, path).unwrap_or(block.owner == owner)
}
