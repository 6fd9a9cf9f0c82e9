//! Admission: before a block is allocated its size is charged to the budgets of its
//! tag, and credited once it is gone. What finds no room is refused, and recorded.

use crate::budget::{self, Charged, Refusal};
use crate::config::Config;
use crate::control::{self, BUDGETS, READY};
use crate::process;
use crate::recorder;
use crate::thread::{self, Here, Slot};
use crate::trailer::{CHARGED, Valid};
use crate::{pressure, site};

/// What a block's trailer says of its charge: nothing, or that it was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charge(u32);

impl Charge {
    /// For a block that no budget counts.
    pub(crate) const NONE: Self = Self(0);

    /// As the old block's, of which the new one is the same.
    #[inline(always)]
    pub(crate) fn of(valid: Valid) -> Self {
        Self(valid.charge())
    }

    /// What the trailer of a block is to name.
    #[inline(always)]
    pub(crate) fn mark(self, name: u32) -> u32 {
        name | self.0
    }

    /// Takes the charge back, of a block that has not come to be, or is gone.
    #[inline(always)]
    pub(crate) fn credit(self, tag: u32, size: usize) {
        if self != Self::NONE && size != 0 {
            credit(tag, size);
        }
    }
}

/// Whether blocks have to ask [`admit`]: there is a budget, or it is not known yet, as
/// in the process's first event.
#[inline(always)]
pub(crate) fn is_due() -> bool {
    control::mode() & (BUDGETS | READY) != READY
}

/// Charges a block of the thread's tag that is about to be allocated; `None` where
/// it is refused, which is recorded.
#[inline(never)]
pub(crate) fn admit(config: &Config, size: usize) -> Option<Charge> {
    let Some(here) = thread::here_now() else { return Some(Charge::NONE) };
    // What the thread knows of its tag may be of before a budget.
    if here.mode() != control::mode() || here.mode() == 0 {
        process::catch_up(here, config);
    }
    if !here.is_budgeted() {
        return Some(Charge::NONE);
    }
    charge(here, config, (0, size), here.tag.get(), size)
}

/// Charges what a realloc needs besides what its block has: all of the new size
/// where it moves, or where the old block was not charged, else what is more.
/// Answers the new block's charge and how much that was; `None` where it is refused,
/// which is recorded. For a tag under a budget.
#[inline(never)]
pub(crate) fn admit_realloc(
    config: &Config,
    (address, old_size): (usize, usize),
    valid: Valid,
    new_size: usize,
    moves: bool,
) -> Option<(Charge, usize)> {
    let tag = site::tag_of(valid.site());
    let has = if moves || valid.charge() == 0 { 0 } else { old_size };
    let more = new_size.saturating_sub(has);
    let here = thread::here_now()?;
    Some((charge(here, config, (address, new_size), tag, more)?, more))
}

/// Charges a tag with `more` bytes, for a block of `size`.
fn charge(
    here: &Here,
    config: &Config,
    (address, size): (usize, usize),
    tag: u32,
    more: usize,
) -> Option<Charge> {
    let has_headroom = here.headroom.get() > 0;
    match budget::charge(tag, shard(here), more, has_headroom) {
        Ok(Charged::Ahead) => Some(Charge(CHARGED)),
        Ok(Charged::Anew) => {
            pressure::note_crossings(tag, size);
            Some(Charge(CHARGED))
        }
        Err(refusal) => {
            refuse(config, address, size, tag, refusal);
            None
        }
    }
}

fn shard(here: &Here) -> usize {
    budget::shard_of(here.slot.get().map_or(thread::ORPHANS, Slot::index))
}

#[cold]
#[inline(never)]
fn refuse(config: &Config, address: usize, size: usize, tag: u32, refusal: Refusal) {
    recorder::enter(config, |entry| {
        let site = entry.site_of_refusal(tag);
        entry.refused(address, size, site);
        pressure::note_refused(site, size, refusal);
    });
}

#[inline(never)]
fn credit(tag: u32, size: usize) {
    let shard = thread::here(shard).unwrap_or(0);
    budget::credit(tag, shard, size);
}
