//! Forked children: they have none of their parent's vault blocks, and the hole
//! that is left must not become somebody else's.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::control::control;
use crate::limits::{LOCK_TRIES_MAX, VAULT_RESERVE_TRIES_MAX};
use crate::os;

use super::range::{self, State};
use super::state;

/// What the word on the page that forks blank says.
const ABROAD: u32 = 0;
const SETTLING: u32 = 1;
const HOME: u32 = 2;

/// Whether nobody else stands in the range.
static HAS_ALL: AtomicBool = AtomicBool::new(true);

/// Whether every address of the range is the vaults'.
pub(super) fn has_all() -> bool {
    HAS_ALL.load(Ordering::Relaxed)
}

/// Waits until no thread is changing what stands in vaults, and has none begin.
pub(crate) fn before_fork() {
    control().vault_forks.fetch_add(1, Ordering::SeqCst);
    for tries in 0..LOCK_TRIES_MAX {
        if control().vault_work.load(Ordering::SeqCst) == 0 {
            return;
        }
        os::back_off(tries);
    }
    // The way out: a child may find a slot half done, and leaves it alone.
}

pub(crate) fn after_fork_in_parent() {
    let less = |count: u32| count.checked_sub(1);
    let _ = control().vault_forks.fetch_update(Ordering::SeqCst, Ordering::Relaxed, less);
}

/// Sees to it that the process knows whose the vaults are: one load, but for a
/// child's first time.
#[inline]
pub(crate) fn settle() {
    if control().vault_home.load(Ordering::Acquire) != HOME {
        settle_now();
    }
}

#[cold]
fn settle_now() {
    for tries in 0..LOCK_TRIES_MAX {
        let home = &control().vault_home;
        match home.compare_exchange(ABROAD, SETTLING, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                if let Some((start, size)) = range::whole() {
                    arrive(start, size);
                }
                home.store(HOME, Ordering::Release);
            }
            Err(HOME) => return,
            Err(_) => os::back_off(tries),
        }
    }
}

/// A child's first time: takes the hole again, and gives its parent's blocks up.
fn arrive(start: *mut u8, size: usize) {
    for slot in range::taken() {
        slot.set_state(State::Gone);
    }
    state::forget();
    let mut tries = VAULT_RESERVE_TRIES_MAX;
    let complete = reserve_again(start, size, &mut tries);
    // Their children get a hole in one piece again.
    let marked =
        os::keep_from_dumps(start, size).is_ok() && os::keep_from_children(start, size).is_ok();
    if !(complete && marked) {
        HAS_ALL.store(false, Ordering::Relaxed);
        range::end();
    }
}

/// Takes what nobody stands in: all of it, else each half. True for all.
fn reserve_again(start: *mut u8, size: usize, tries: &mut u32) -> bool {
    if *tries == 0 {
        return false;
    }
    *tries -= 1;
    if os::reserve_again(start, size) {
        return true;
    }
    let half = (size / 2).next_multiple_of(os::page_size());
    if half < size {
        reserve_again(start, half, tries);
        reserve_again(start.wrapping_add(half), size - half, tries);
    }
    false
}
