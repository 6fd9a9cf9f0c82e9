//! What is left of a check's work, and what still holds it, by place.

use std::collections::{BTreeMap, HashSet};

use super::cycle::Cycle;
use super::held_by::HeldBy;
use super::holders::Holders;
use super::look::{Holder, Look, Seen, Wanted};
use super::paths::{self, Named};
use super::rings;
use super::symbols;
use crate::limits::REACH_SEARCH_NS;
use crate::live::{self, Block};
use crate::{own, owner, site, thread};

/// What is left, by place and by what holds it.
#[derive(Debug, Default)]
pub(super) struct Survey {
    groups: Vec<Group>,
    holders: Holders,
    /// Records of the blocks that are lost, and their births.
    lost: Vec<(u32, u64)>,
    cycles: Vec<rings::Found>,
    pause_ns: Option<u64>,
    doubts: Vec<String>,
}

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
    /// The number of its name.
    holder: u32,
    /// The first block's number in the look.
    first: u32,
    /// How many other blocks hold the first.
    pub(super) through: u64,
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
        let (mut groups, mut lost, mut cycles) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut holders = Holders::default();
        let (doubts, pause_ns) = match Look::take(REACH_SEARCH_NS) {
            Ok(look) => {
                sum_up(&mut groups, &mut lost, &mut holders, &look, wanted);
                cycles = rings::find(&look, wanted);
                (look.doubts(), Some(look.counts.pause_ns))
            }
            Err(error) => {
                sum_up_unseen(&mut groups, wanted);
                (vec![format!("what holds blocks is not known: {error:?}")], None)
            }
        };
        Self { groups: groups.into_values().collect(), holders, lost, cycles, pause_ns, doubts }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter()
    }

    /// The name of what holds a group; empty where it has none.
    pub(super) fn holder(&self, group: &Group) -> &str {
        self.holders.name(group.holder)
    }

    /// The records of the blocks that are lost, and their births: which are no
    /// other block's.
    pub(super) fn lost(&self) -> &[(u32, u64)] {
        &self.lost
    }

    /// The cycles of lost blocks with a member at one of these places.
    pub(super) fn cycles_at(&self, places: &HashSet<u64>) -> Vec<Cycle> {
        let is_there = |(ring, _): &&rings::Found| ring.iter().any(|place| places.contains(place));
        self.cycles.iter().filter(is_there).map(|(_, cycle)| cycle.clone()).collect()
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

#[inline(never)]
fn is_any_left(wanted: Wanted<'_>) -> bool {
    let mut is_left = false;
    live::each(|record, block| is_left = is_left || wanted(record, &block));
    is_left
}

type Groups = BTreeMap<(u64, HeldBy, u32), Group>;

#[inline(never)]
fn sum_up(
    groups: &mut Groups,
    lost: &mut Vec<(u32, u64)>,
    holders: &mut Holders,
    look: &Look,
    wanted: Wanted<'_>,
) {
    look.each(|seen| {
        let Seen { number, record, block, held_by } = *seen;
        if !wanted(record, block) {
            return;
        }
        if held_by.is_lost() {
            lost.push((record, block.born));
        }
        let holder = match held_by {
            HeldBy::Unknown => Holder::Unnamed,
            _ => look.holder(number),
        };
        add(groups, block, held_by, holders.number(holder), number);
    });
    for group in groups.values_mut().filter(|group| group.held_by != HeldBy::Unknown) {
        group.through = look.distance(group.first);
    }
}

#[inline(never)]
fn sum_up_unseen(groups: &mut Groups, wanted: Wanted<'_>) {
    live::each(|record, block| {
        if wanted(record, &block) {
            add(groups, &block, HeldBy::Unknown, 0, 0);
        }
    });
}

fn add(groups: &mut Groups, block: &Block, held_by: HeldBy, holder: u32, number: u32) {
    let place = symbols::place(block.site);
    let group = groups.entry((place, held_by, holder)).or_insert(Group {
        place,
        site: block.site,
        held_by,
        holder,
        first: number,
        through: 0,
        bytes: 0,
        blocks: 0,
        thread: block.thread,
        born: block.born,
    });
    group.bytes += block.size as u64;
    group.blocks += 1;
    if block.born < group.born {
        (group.born, group.thread, group.first) = (block.born, block.thread, number);
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
        let is_owned = owner::is_within(block.owner, self.owner);
        if block.born < self.start || tag == block.site {
            return is_owned;
        }
        let is_direct = |owner: &owner::Owner| owner.is_own_thread(block.thread);
        if owner::get(block.owner).is_some_and(is_direct) {
            return is_owned;
        }
        match paths::named(block.site, self.path) {
            Named::It => true,
            Named::Other => false,
            Named::None => is_owned,
            // A thread that lives may be of a pool that others share. What it
            // leaves is an orphan, not perhaps a stranger's leak.
            Named::Unreadable => is_owned && !thread::is_live(block.thread),
        }
    }
}
