//! Vaults: guarded memory for the blocks of tags that ask for it.
//!
//! A block has pages of its own between guards, in a range of addresses by
//! which a release knows it before it looks at anything else.

mod child;
mod fault;
mod frozen;
mod guarded;
mod pages;
mod range;
mod state;

use core::alloc::Layout;
use core::ptr;
use core::sync::atomic::Ordering;

use crate::control::control;
use crate::limits::LOCK_TRIES_MAX;
use crate::os::{self, Access};
use crate::protection::{Vault, VaultError};

pub(crate) use child::{after_fork_in_parent, before_fork, settle};
pub(crate) use fault::name_faults;
pub(crate) use frozen::{Changed, freeze, thaw};
pub(crate) use guarded::Guarded;
pub(crate) use range::contains;
pub(crate) use state::of as status;

use range::State;

/// Proof that no fork is under way: a child finds nothing half done.
struct Work;

impl Work {
    fn begin() -> Option<Self> {
        for tries in 0..LOCK_TRIES_MAX {
            control().vault_work.fetch_add(1, Ordering::SeqCst);
            let work = Self;
            if control().vault_forks.load(Ordering::SeqCst) == 0 {
                return Some(work);
            }
            drop(work);
            os::back_off(tries);
        }
        None
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // A child that was made by a signal handler within this work has 0.
        let less = |count: u32| count.checked_sub(1);
        let _ = control().vault_work.fetch_update(Ordering::SeqCst, Ordering::Relaxed, less);
    }
}

/// What became of a request for a vault block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A block of zeros with room for the trailer.
    Block(*mut u8),
    /// None, and by the tag's policy an ordinary block may stand in for it.
    Heap,
    /// None.
    Refused,
}

/// A block for a tag whose policy is `vault`.
#[cold]
pub(crate) fn alloc(vault: Vault, layout: Layout, site: u32) -> Answer {
    match make(vault, layout, site) {
        Ok((block, bits, lack)) => {
            state::made(site, bits, lack);
            Answer::Block(block)
        }
        Err(why) if vault.may_be_heap() => {
            state::made(site, 0, Some(why));
            Answer::Heap
        }
        Err(why) => {
            state::refused(site, why);
            Answer::Refused
        }
    }
}

/// Whether a tag could have a block now, and what that would be made of.
pub(crate) fn try_out(vault: Vault, site: u32) -> Result<(), VaultError> {
    let layout = Layout::new::<u64>();
    match make(vault, layout, site) {
        Ok((block, bits, lack)) => {
            state::made(site, bits, lack);
            // SAFETY: the block was made just now and nobody has it.
            unsafe { dealloc(block) };
            Ok(())
        }
        Err(why) if vault.may_be_heap() => {
            state::made(site, 0, Some(why));
            Ok(())
        }
        Err(why) => {
            state::refused(site, why);
            Err(why)
        }
    }
}

fn make(
    vault: Vault,
    layout: Layout,
    site: u32,
) -> Result<(*mut u8, u64, Option<VaultError>), VaultError> {
    settle();
    let _work = Work::begin().ok_or(VaultError::Busy)?;
    range::start()?;
    let (slot, place) = range::take(layout)?;
    let (address, size) = place.pages();
    // SAFETY: the slot is ours, and free ones are not mapped.
    match unsafe { pages::make(address, size, vault) } {
        Ok(made) => {
            slot.note(place, site);
            slot.set_state(State::Live);
            Ok((place.block, made.bits, made.lack))
        }
        Err(why) => {
            slot.set_state(State::Free);
            Err(why)
        }
    }
}

/// What a block in the range is to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Live.
    Here {
        /// Its size.
        size: usize,
        /// The site that it was made for.
        site: u32,
    },
    /// One that the process lost when it was forked: not to be touched.
    Gone {
        /// The site that it was made for.
        site: u32,
    },
    /// Nothing: it was released, or never was.
    Nothing,
    /// Somebody else's: addresses that a child could not take again.
    Foreign,
}

/// Looks a block up for which [`contains`] holds.
#[cold]
pub(crate) fn find(block: *mut u8) -> Found {
    settle();
    let Some(slot) = range::slot_of(block) else {
        return if child::has_all() { Found::Nothing } else { Found::Foreign };
    };
    let site = slot.site();
    match slot.state() {
        State::Gone => Found::Gone { site },
        _ => Found::Here { size: slot.place().size, site },
    }
}

/// Bytes from a block's start to the guard behind it.
fn readable_size(block: *mut u8) -> usize {
    let Some(slot) = range::slot_of(block) else { return 0 };
    let (address, size) = slot.place().pages();
    (address as usize + size).saturating_sub(block as usize)
}

/// Lets a block be written once more, frozen or not: it is about to be wiped.
/// Answers whether it was frozen; `None` where the system refuses.
///
/// # Safety
/// The block is a live one of a vault, and its owner gives it up.
#[cold]
pub(crate) unsafe fn open(block: *mut u8) -> Option<bool> {
    let slot = range::slot_of(block)?;
    for tries in 0..LOCK_TRIES_MAX {
        match slot.state() {
            State::Live => return Some(false),
            State::Frozen if slot.claim(State::Frozen) => {
                let opened = frozen::protect(slot, Access::Write).is_ok();
                slot.set_state(if opened { State::Live } else { State::Frozen });
                return opened.then_some(true);
            }
            // Another thread freezes the tag's blocks.
            State::Busy | State::Frozen => os::back_off(tries),
            State::Free | State::Gone => return None,
        }
    }
    None
}

/// Freezes a block again that was only opened to be given up, and is not.
#[cold]
pub(crate) fn close(block: *mut u8) {
    if let Some(slot) = range::slot_of(block).filter(|slot| slot.claim(State::Live)) {
        let frozen = frozen::protect(slot, Access::Read).is_ok();
        slot.set_state(if frozen { State::Frozen } else { State::Live });
    }
}

/// Gives a block's pages back to the kernel, which blanks them.
///
/// # Safety
/// The block came from [`alloc`], it is wiped and nobody refers to it.
#[cold]
pub(crate) unsafe fn dealloc(block: *mut u8) {
    let Some(slot) = range::slot_of(block) else { return };
    for tries in 0..LOCK_TRIES_MAX {
        let state = slot.state();
        if matches!(state, State::Live | State::Frozen) && slot.claim(state) {
            break;
        }
        if tries + 1 == LOCK_TRIES_MAX {
            return;
        }
        os::back_off(tries);
    }
    // Where a fork takes for ever, its child may find the slot half done.
    let _work = Work::begin();
    let (address, size) = slot.place().pages();
    // SAFETY: the pages are the block's, which its owner gave up.
    if unsafe { pages::give_back(address, size) } {
        slot.note(range::Place { block: ptr::null_mut(), size: 0 }, slot.site());
        slot.set_state(State::Free);
    }
}
