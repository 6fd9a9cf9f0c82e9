//! Where the blocks of vaults stand: one reserved range of addresses, cut into
//! slots of powers of two, each size in a stretch of its own.
//!
//! A slot begins with a page that nobody may touch, which is the guard behind
//! the block of the slot before; its block stands at its end. What lies
//! between is not mapped either.

use core::alloc::Layout;
use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::limits::{
    TRAILER_SIZE, VAULT_BLOCKS_MAX, VAULT_SLOT_SHIFT_MAX, VAULT_SLOT_SHIFT_MIN, VAULT_SLOTS_MAX,
    VAULT_SPAN_MAX,
};
use crate::os;
use crate::protection::VaultError;
use crate::published::Published;

const CLASS_COUNT: usize = (VAULT_SLOT_SHIFT_MAX - VAULT_SLOT_SHIFT_MIN + 1) as usize;

/// No address minus this is below [`SPAN`]: those of programs are below it.
const NOWHERE: usize = 1 << 63;

/// Start of the range; [`NOWHERE`] before the first vault block, and where
/// there is no address space.
static START: AtomicUsize = AtomicUsize::new(NOWHERE);

/// What is known of each slot; not there before the range is.
static SLOTS: Published<[Slot; SLOT_COUNT]> = Published::empty();

/// How far [`start`] has come.
static STAGE: AtomicU32 = AtomicU32::new(UNTOUCHED);
const UNTOUCHED: u32 = 0;
const STARTING: u32 = 1;
const STARTED: u32 = 2;
const REFUSED: u32 = 3;

/// Slots that are not free.
static TAKEN_COUNT: AtomicUsize = AtomicUsize::new(0);
/// Where the search for a slot of each size begins: behind the last one taken,
/// so that addresses stay unused for long.
static NEXT: [AtomicU32; CLASS_COUNT] = [const { AtomicU32::new(0) }; CLASS_COUNT];
/// How many slots of each size were ever taken; those behind are free.
static USED: [AtomicU32; CLASS_COUNT] = [const { AtomicU32::new(0) }; CLASS_COUNT];

const fn slot_size(class: usize) -> usize {
    1 << (VAULT_SLOT_SHIFT_MIN as usize + class)
}

const fn slot_count(class: usize) -> usize {
    let fitting = VAULT_SPAN_MAX / slot_size(class);
    if fitting < VAULT_SLOTS_MAX { fitting } else { VAULT_SLOTS_MAX }
}

/// Where each class begins: in bytes from the start of the range, and in slots.
const STRETCHES: [(usize, usize); CLASS_COUNT + 1] = {
    let mut stretches = [(0, 0); CLASS_COUNT + 1];
    let mut class = 0;
    while class < CLASS_COUNT {
        let (at, index) = stretches[class];
        let count = slot_count(class);
        stretches[class + 1] = (at + count * slot_size(class), index + count);
        class += 1;
    }
    stretches
};
const SLOT_COUNT: usize = STRETCHES[CLASS_COUNT].1;
/// Size of the range, with the guard behind its last slot.
const SPAN: usize = STRETCHES[CLASS_COUNT].0 + slot_size(0);

/// What a slot is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum State {
    /// Nothing.
    Free = 0,
    /// Somebody is changing it.
    Busy = 1,
    /// A block that its owner may write.
    Live = 2,
    /// A block that nobody may write.
    Frozen = 3,
    /// A block that this process lost when it was forked.
    Gone = 4,
}

/// What is known of a slot. The block's place is valid outside of
/// [`State::Free`] and [`State::Busy`].
pub(super) struct Slot {
    state: AtomicU32,
    site: AtomicU32,
    block: AtomicUsize,
    size: AtomicUsize,
}

impl Slot {
    pub(super) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            2 => State::Live,
            3 => State::Frozen,
            4 => State::Gone,
            0 => State::Free,
            _ => State::Busy,
        }
    }

    /// Changes the state; whoever made it busy publishes so what it wrote.
    pub(super) fn set_state(&self, state: State) {
        if state == State::Free {
            TAKEN_COUNT.fetch_sub(1, Ordering::Relaxed);
        }
        self.state.store(state as u32, Ordering::Release);
    }

    /// Makes the slot busy if it is as it was seen. It is the caller's then.
    pub(super) fn claim(&self, seen: State) -> bool {
        let (seen, busy) = (seen as u32, State::Busy as u32);
        self.state.compare_exchange(seen, busy, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    pub(super) fn note(&self, place: Place, site: u32) {
        self.block.store(place.block as usize, Ordering::Relaxed);
        self.size.store(place.size, Ordering::Relaxed);
        self.site.store(site, Ordering::Relaxed);
    }

    pub(super) fn site(&self) -> u32 {
        self.site.load(Ordering::Relaxed)
    }

    pub(super) fn place(&self) -> Place {
        let block = self.block.load(Ordering::Relaxed);
        Place {
            block: ptr::with_exposed_provenance_mut(block),
            size: self.size.load(Ordering::Relaxed),
        }
    }
}

/// Where a block stands, and how large it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) block: *mut u8,
    pub(super) size: usize,
}

impl Place {
    /// The pages of the block and its trailer: start and size.
    pub(super) fn pages(self) -> (*mut u8, usize) {
        let front = self.block as usize % os::page_size();
        let size = (front + self.size + TRAILER_SIZE).next_multiple_of(os::page_size());
        (self.block.wrapping_sub(front), size)
    }
}

/// Whether an address lies in the range; false while there is none.
#[inline(always)]
pub(crate) fn contains(block: *mut u8) -> bool {
    (block as usize).wrapping_sub(START.load(Ordering::Relaxed)) < SPAN
}

/// The range, if there is one: start and size.
pub(super) fn whole() -> Option<(*mut u8, usize)> {
    let start = START.load(Ordering::Acquire);
    (start != NOWHERE).then(|| (ptr::with_exposed_provenance_mut(start), SPAN))
}

/// Reserves the range, unless it is there.
pub(super) fn start() -> Result<(), VaultError> {
    for tries in 0..crate::limits::LOCK_TRIES_MAX {
        match STAGE.compare_exchange(UNTOUCHED, STARTING, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                let started = reserve();
                STAGE.store(if started { STARTED } else { REFUSED }, Ordering::Release);
            }
            Err(STARTED) => return Ok(()),
            Err(REFUSED) => break,
            Err(_) => os::back_off(tries),
        }
    }
    Err(VaultError::NoAddresses)
}

/// Has no block come from the range any more: somebody else stands in it.
pub(super) fn end() {
    STAGE.store(REFUSED, Ordering::Release);
}

#[cold]
fn reserve() -> bool {
    let slots = os::map_private(size_of::<[Slot; SLOT_COUNT]>());
    let range = os::reserve(SPAN);
    if slots.is_null() || range.is_null() {
        return false;
    }
    // Guards are worth nothing to a core file, and a hole that is one piece
    // can be closed by one call in a child.
    if os::keep_from_dumps(range, SPAN).is_err() || os::keep_from_children(range, SPAN).is_err() {
        os::unmap(range, SPAN);
        return false;
    }
    // SAFETY: the mapping has the size, is aligned to a page, is zeros (which
    // are slots that are free), and is never unmapped.
    SLOTS.set(unsafe { &*slots.cast::<[Slot; SLOT_COUNT]>() });
    START.store(range.expose_provenance(), Ordering::Release);
    true
}

/// A slot that the caller has claimed, and where the block stands in it.
pub(super) fn take(layout: Layout) -> Result<(&'static Slot, Place), VaultError> {
    let slots = SLOTS.get().ok_or(VaultError::NoAddresses)?;
    let page_size = os::page_size();
    let slack = if layout.align() > page_size { layout.align() } else { 0 };
    // No overflow: neither size nor alignment is above isize::MAX, by much.
    let wanted = layout.size().checked_add(TRAILER_SIZE + slack).ok_or(VaultError::TooLarge)?;
    let wanted = wanted.next_multiple_of(page_size) + page_size;
    let smallest = (0..CLASS_COUNT).find(|&class| slot_size(class) >= wanted);
    let smallest = smallest.ok_or(VaultError::TooLarge)?;
    if TAKEN_COUNT.fetch_add(1, Ordering::Relaxed) < VAULT_BLOCKS_MAX {
        // Addresses cost nothing: where a size has no slot left a larger one has.
        for class in smallest..CLASS_COUNT {
            if let Some((slot, number)) = claim_in(slots, class) {
                return Ok((slot, place_in(class, number, layout)));
            }
        }
    }
    TAKEN_COUNT.fetch_sub(1, Ordering::Relaxed);
    Err(VaultError::TooManyBlocks)
}

fn claim_in(slots: &'static [Slot], class: usize) -> Option<(&'static Slot, usize)> {
    let count = slot_count(class);
    let first = NEXT[class].load(Ordering::Relaxed) as usize;
    for step in 0..count {
        let number = (first + step) % count;
        let slot = &slots[STRETCHES[class].1 + number];
        if slot.state() == State::Free && slot.claim(State::Free) {
            let behind = (number + 1) as u32;
            NEXT[class].store(behind, Ordering::Relaxed);
            USED[class].fetch_max(behind, Ordering::Release);
            return Some((slot, number));
        }
    }
    None
}

/// As close to the guard behind it as alignment allows.
fn place_in(class: usize, number: usize, layout: Layout) -> Place {
    let size = layout.size();
    let start = START.load(Ordering::Relaxed);
    let end = start + STRETCHES[class].0 + (number + 1) * slot_size(class);
    let block = (end - TRAILER_SIZE - size) & !(layout.align() - 1);
    Place { block: ptr::with_exposed_provenance_mut(block), size }
}

/// A slot by an address within it.
pub(super) struct Found {
    pub(super) slot: &'static Slot,
    /// Where the slot begins.
    pub(super) start: usize,
    /// The slot in front of it, if there is one.
    pub(super) before: Option<&'static Slot>,
}

/// The slot that an address lies in.
pub(super) fn slot_at(address: usize) -> Option<Found> {
    let slots = SLOTS.get()?;
    let start = START.load(Ordering::Relaxed);
    let at = address.checked_sub(start)?;
    let class = (0..CLASS_COUNT).rfind(|&class| STRETCHES[class].0 <= at)?;
    let number = (at - STRETCHES[class].0) / slot_size(class);
    let index = STRETCHES[class].1 + number;
    let before = index.checked_sub(1).and_then(|before| slots.get(before));
    if number >= slot_count(class) {
        // The guard behind the last slot of all.
        return None;
    }
    let slot = slots.get(index)?;
    Some(Found { slot, start: start + STRETCHES[class].0 + number * slot_size(class), before })
}

/// The slot whose block begins at an address.
pub(super) fn slot_of(block: *mut u8) -> Option<&'static Slot> {
    let slot = slot_at(block as usize)?.slot;
    (slot.state() != State::Free && slot.place().block == block).then_some(slot)
}

/// All slots that are not free.
pub(super) fn taken() -> impl Iterator<Item = &'static Slot> {
    let classes = SLOTS.get().into_iter().flat_map(|slots| {
        (0..CLASS_COUNT).map(move |class| {
            let (first, used) = (STRETCHES[class].1, USED[class].load(Ordering::Acquire));
            &slots[first..first + used as usize]
        })
    });
    classes.flatten().filter(|slot| slot.state() != State::Free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_in_a_range_that_is_not_there() {
        for address in
            [0_usize, 1, 4096, 0x40_0000, 0x7fff_ffff_f000, 1 << 47, 1 << 56, NOWHERE - 1]
        {
            assert!(address.wrapping_sub(NOWHERE) >= SPAN, "{address:x}");
        }
    }

    #[test]
    fn a_block_ends_at_its_slots_end() {
        for (class, (stretch, _)) in STRETCHES.into_iter().take(CLASS_COUNT).enumerate() {
            for (size, align) in [(1, 1), (33, 1), (24, 8), (100, 64), (4000, 16)] {
                let layout = Layout::from_size_align(size, align).unwrap();
                let place = place_in(class, 3, layout);
                let start = START.load(Ordering::Relaxed);
                let end = start + stretch + 4 * slot_size(class);
                let block = place.block as usize;
                assert!(block.is_multiple_of(align));
                assert!(block + size + TRAILER_SIZE <= end);
                assert!(block + size + TRAILER_SIZE + align > end);
            }
        }
    }
}
