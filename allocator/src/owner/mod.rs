//! Owners: whoever wants a bill of their own for a time. Each has a number that
//! no other has, and an account to which its blocks' events add at once.
//!
//! A block's owner stands in its record (see [`crate::live`]). An owner may stand
//! below another: what is counted for it is counted for all above it, too. What is
//! left of one that has ended goes on to count for those above; without any it
//! counts for nobody.

mod account;

use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::limits::{OWNER_DEPTH_MAX, OWNERS_MAX};
use crate::published::Published;
use crate::{clock, live, os};

pub(crate) use account::{Account, Event, Totals};

/// A place for an owner. Starts as all zeros.
pub(crate) struct Owner {
    /// The owner's number, 0 while the place is free; below it [`ENDED`], and how
    /// many are at the account: events of other threads than its own, and owners
    /// that stand below it.
    state: AtomicU64,
    /// The number of the thread that works for it by itself, not handed on to.
    thread: AtomicU32,
    /// How many owners have had the place.
    generation: AtomicU32,
    /// The owner above it, or 0.
    above: AtomicU32,
    /// How many are above it.
    depth: AtomicU32,
    /// What its work is, where that matters; 0 where not.
    label: AtomicUsize,
    /// When it began, in ticks.
    start: AtomicU64,
    account: Account,
}

/// Set once an owner has ended. Its place is kept while its blocks count for
/// others.
const ENDED: u64 = 1 << 31;
const USERS: u64 = ENDED - 1;

/// Numbers come back after 2^20 owners of a place, and places take turns within
/// 64. A block that is left from then was born before its owner's namesake, by more
/// than clocks of two processors can differ, in ticks: a tenth of a second.
const BIRTH_SLACK: u64 = 1 << 28;

/// The owner with number `n` stands at `n % OWNERS_MAX`. Pages that no owner had
/// take no memory.
static PLACES: Published<[Owner; OWNERS_MAX]> = Published::empty();
/// Which places are taken. Bits are set by whoever takes one, and reset after its
/// state is 0.
static TAKEN: [AtomicU64; OWNERS_MAX / 64] = [const { AtomicU64::new(0) }; OWNERS_MAX / 64];
/// Where the search for a free place begins.
static TURN: AtomicU32 = AtomicU32::new(0);

/// Owners for which there was no place.
static OVERFLOW_COUNT: AtomicU64 = AtomicU64::new(0);

/// Somebody is at an owner's account: the place is not another's before this is
/// dropped.
struct Held(&'static Owner);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

fn number_of(state: u64) -> u32 {
    (state >> 32) as u32
}

/// Makes room for owners, once; false where there is no memory.
fn prepare() -> bool {
    if PLACES.get().is_some() {
        return true;
    }
    let place: *mut [Owner; OWNERS_MAX] = os::map_private(size_of::<[Owner; OWNERS_MAX]>()).cast();
    // SAFETY: the mapping is fresh and never undone, and zeros are valid for
    // atomics.
    let Some(owners) = (unsafe { place.as_ref() }) else { return false };
    if !PLACES.set_first(owners) {
        os::unmap(place.cast(), size_of::<[Owner; OWNERS_MAX]>());
    }
    true
}

/// The place of a number, whoever has it.
#[inline(always)]
fn place(number: u32) -> Option<&'static Owner> {
    Some(&PLACES.get()?[number as usize % OWNERS_MAX])
}

impl Owner {
    /// Whether that thread works for it by itself: what it allocates is nobody
    /// else's.
    #[inline(always)]
    pub(crate) fn is_own_thread(&self, thread: u32) -> bool {
        thread != 0 && self.thread.load(Ordering::Relaxed) == thread
    }

    /// What its blocks come to.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// Has it be no thread's own any more. For that thread, before others may end
    /// the owner.
    pub(crate) fn disown(&self) {
        self.thread.store(0, Ordering::Relaxed);
    }

    #[inline(always)]
    fn above(&self) -> Option<&'static Self> {
        match self.above.load(Ordering::Relaxed) {
            0 => None,
            above => place(above),
        }
    }

    /// Counts for the owner and all above it, which it holds. The caller holds it,
    /// or is its own thread.
    #[inline(always)]
    fn count(&self, thread: u32, tag: u32, event: Event) {
        let mut next = Some(self);
        while let Some(owner) = next {
            owner.account.count(owner.is_own_thread(thread), tag, event);
            next = owner.above();
        }
    }

    /// Gives up what [`hold`] has given, and the place if that was the last.
    fn let_go(&'static self) {
        let mut next = Some(self);
        while let Some(owner) = next {
            let state = owner.state.fetch_sub(1, Ordering::AcqRel) - 1;
            next = owner.leave(state).flatten();
        }
    }

    /// Frees the place of an owner that has ended, at whose account nobody is, and
    /// whose blocks count for nobody. Answers the one above, which it held; `None`
    /// where it has to stay.
    fn leave(&self, state: u64) -> Option<Option<&'static Self>> {
        if state & (ENDED | USERS) != ENDED {
            return None;
        }
        let above = self.above();
        let counts = above.is_some_and(Self::is_any_live) && self.account.has_blocks();
        let free = || self.state.compare_exchange(state, 0, Ordering::AcqRel, Ordering::Relaxed);
        if counts || free().is_err() {
            return None;
        }
        let index = number_of(state) as usize % OWNERS_MAX;
        TAKEN[index / 64].fetch_and(!(1 << (index % 64)), Ordering::Release);
        Some(above)
    }

    /// Whether it, or one above it, has not ended.
    fn is_any_live(&self) -> bool {
        let mut next = Some(self);
        while let Some(owner) = next {
            if owner.state.load(Ordering::Acquire) & ENDED == 0 {
                return true;
            }
            next = owner.above();
        }
        false
    }
}

/// Has the owner of a number stay at its place, also one that has ended; `None`
/// where the place is another's.
fn hold(number: u32) -> Option<Held> {
    let owner = place(number).filter(|_| number != 0)?;
    if number_of(owner.state.load(Ordering::Relaxed)) != number {
        return None;
    }
    let state = owner.state.fetch_add(1, Ordering::AcqRel);
    let held = Held(owner);
    (number_of(state) == number).then_some(held)
}

/// Takes a free place: of the first 64 that have one, in turns.
fn take_place() -> Option<usize> {
    let turn = TURN.fetch_add(1, Ordering::Relaxed) % 64;
    TAKEN.iter().enumerate().find_map(|(index, word)| {
        let mut taken = word.load(Ordering::Relaxed);
        while taken != u64::MAX {
            let bit = ((!taken).rotate_right(turn).trailing_zeros() + turn) % 64;
            taken = word.fetch_or(1 << bit, Ordering::Acquire);
            if taken & 1 << bit == 0 {
                return Some(64 * index + bit as usize);
            }
        }
        None
    })
}

/// Begins an owner for whom that thread works, 0 for none, below another one that
/// has not ended, 0 for none; `None` where there are too many at one time, or one
/// above the other, or there is no memory for them or their blocks' records: that is
/// counted.
pub(crate) fn begin(thread: u32, above: u32, label: usize) -> Option<u32> {
    let number = try_begin(thread, above, label);
    if number.is_none() {
        OVERFLOW_COUNT.fetch_add(1, Ordering::Relaxed);
    }
    number
}

/// How many found no place.
pub(crate) fn overflow_count() -> u64 {
    OVERFLOW_COUNT.load(Ordering::Relaxed)
}

fn try_begin(thread: u32, above: u32, label: usize) -> Option<u32> {
    if !live::prepare() || !prepare() {
        return None;
    }
    let above = hold(living(above));
    let depth = above.as_ref().map_or(0, |held| held.0.depth.load(Ordering::Relaxed) + 1);
    if depth >= OWNER_DEPTH_MAX {
        return None;
    }
    let index = take_place()?;
    let owner = place(index as u32)?;
    owner.account.clear();
    owner.thread.store(thread, Ordering::Relaxed);
    owner.depth.store(depth, Ordering::Relaxed);
    owner.label.store(label, Ordering::Relaxed);
    owner.start.store(clock::ticks(), Ordering::Relaxed);
    let above = above.map_or(0, |held| {
        let number = number_of(held.0.state.load(Ordering::Relaxed));
        // Until the place of the new one is free again.
        core::mem::forget(held);
        number
    });
    owner.above.store(above, Ordering::Relaxed);
    let generations = u32::MAX / OWNERS_MAX as u32;
    let generation = owner.generation.fetch_add(1, Ordering::Relaxed) % (generations - 1) + 1;
    let number = generation * OWNERS_MAX as u32 + index as u32;
    // Added, since somebody may just be finding out that the place is not whose
    // number they have.
    owner.state.fetch_add(u64::from(number) << 32, Ordering::Release);
    Some(number)
}

/// Ends an owner. Its blocks, and threads that still work for it, are those
/// above's.
pub(crate) fn end(number: u32) {
    let Some(owner) = get(number) else { return };
    let Some(held) = hold(number) else { return };
    owner.disown();
    let before = owner.state.fetch_or(ENDED, Ordering::AcqRel);
    drop(held);
    let has_others = before & USERS > 1;
    if has_others && !owner.above().is_some_and(Owner::is_any_live) {
        free_useless();
    }
}

/// Frees places of owners that have ended, as all above them have.
fn free_useless() {
    for (index, word) in TAKEN.iter().enumerate() {
        let taken = word.load(Ordering::Relaxed);
        for bit in (0..64).filter(|bit| taken & 1 << bit != 0) {
            let Some(owner) = place(64 * index as u32 + bit) else { continue };
            if let Some(Some(above)) = owner.leave(owner.state.load(Ordering::Acquire)) {
                above.let_go();
            }
        }
    }
}

/// The owner of a number; `None` for one that has ended, and for 0.
#[inline]
pub(crate) fn get(number: u32) -> Option<&'static Owner> {
    let owner = place(number).filter(|_| number != 0)?;
    let state = owner.state.load(Ordering::Acquire);
    (number_of(state) == number && state & ENDED == 0).then_some(owner)
}

/// Calls `then` with the owner of each number from this one upward, until it
/// answers true. Of owners that have ended and left their places nothing is known.
fn find_upward(number: u32, mut then: impl FnMut(u32, &'static Owner, bool) -> bool) -> u32 {
    let mut next = number;
    while let Some(owner) = place(next).filter(|_| next != 0) {
        let state = owner.state.load(Ordering::Acquire);
        let above = owner.above.load(Ordering::Relaxed);
        if number_of(state) != next || number_of(owner.state.load(Ordering::Acquire)) != next {
            return 0;
        }
        if then(next, owner, state & ENDED == 0) {
            return next;
        }
        next = above;
    }
    0
}

/// The owner itself if it has not ended, else the next above it that has not; 0
/// where that is nobody.
pub(crate) fn living(number: u32) -> u32 {
    find_upward(number, |_, _, is_live| is_live)
}

/// Whether the owner is another one, or stands below it.
#[cfg(feature = "leak-check")]
pub(crate) fn is_within(number: u32, other: u32) -> bool {
    number == other || find_upward(number, |number, _, _| number == other) != 0
}

/// Whether an owner or one above it, none of which has ended, has that label.
#[cfg(feature = "profile")]
pub(crate) fn is_labelled(number: u32, label: usize) -> bool {
    let is_it = |_, owner: &Owner, is_live| is_live && owner.label.load(Ordering::Relaxed) == label;
    find_upward(number, is_it) != 0
}

/// A block was allocated, by the calling thread, which has that number and works
/// for that owner. Answers whose it is: another's where that one has ended.
#[inline]
pub(crate) fn add(number: u32, thread: u32, tag: u32, size: usize) -> u32 {
    let event = Event { allocated: Some(size), ..Event::default() };
    if let Some(owner) = get(number).filter(|owner| owner.is_own_thread(thread)) {
        owner.count(thread, tag, event);
        return number;
    }
    let mut next = number;
    while let Some(held) = hold(living(next)) {
        let state = held.0.state.load(Ordering::Acquire);
        next = number_of(state);
        if state & ENDED == 0 {
            held.0.count(thread, tag, event);
            return next;
        }
    }
    0
}

/// An owner's block goes or changes its size, by the calling thread. That owner
/// may have ended.
#[inline]
pub(crate) fn change(number: u32, born: u64, thread: u32, tag: u32, event: Event) {
    let is_namesakes =
        |owner: &Owner| owner.start.load(Ordering::Relaxed) > born.saturating_add(BIRTH_SLACK);
    if let Some(owner) = get(number).filter(|owner| owner.is_own_thread(thread)) {
        if !is_namesakes(owner) {
            owner.count(thread, tag, event);
        }
    } else if let Some(held) = hold(number)
        && !is_namesakes(held.0)
    {
        held.0.count(thread, tag, event);
    }
}

/// An allocation was refused to the calling thread, which works for that owner.
#[cold]
pub(crate) fn refuse(number: u32) {
    let Some(held) = hold(living(number)) else { return };
    let mut next = Some(held.0);
    while let Some(owner) = next {
        owner.account.refuse();
        next = owner.above();
    }
}

#[cfg(test)]
mod tests;
