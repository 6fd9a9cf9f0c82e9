//! What the allocator's four methods tell: each event goes to the journal,
//! where there is one, and then to the ledger.
//!
//! Nothing here allocates, blocks (but for the journal's room, if it waits),
//! panics or formats.

mod entry;
mod hot;

use scrubjay_log_format::EventKind;
use scrubjay_log_format::cell::{
    DROPPED_ALLOCATED_BLOCKS, DROPPED_ALLOCATED_BYTES, DROPPED_FAILED_COUNT, DROPPED_FREED_BLOCKS,
    DROPPED_FREED_BYTES,
};

use crate::control::{self, LIVE};
use crate::live::Owned;
use crate::owner::Event;
use crate::store::Cell;
use crate::thread::{Here, Leaving, Slot};
use crate::writer::{Shared, Writer};
use crate::{capture, clock, live, owner, site};

pub(crate) use entry::enter;
pub(crate) use hot::{Hot, hot, hot_beyond};

/// What became of the bytes that an event released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Released {
    /// Overwritten.
    pub(crate) wiped: usize,
    /// Still in use: kept in place by a realloc.
    pub(crate) carried: usize,
    /// Given back to the kernel as whole pages.
    pub(crate) returned: usize,
    /// Left as they were, because policy or tag said so.
    pub(crate) unwiped: usize,
}

/// The site of the calling thread's stack.
#[inline(never)]
fn site_of_now(here: &Here, tag: u32, is_sample: bool) -> u32 {
    let slot = here.slot.get();
    let memo = slot.and_then(Slot::memo);
    // Whatever else makes a site. It is not 0.
    let key = 2 * tag + u32::from(is_sample) + 1;
    let (depth, bounds) = (here.stack_depth.get() as usize, here.bounds.get());
    let site =
        capture::stack(memo, key, depth, bounds, |stack| site::of(slot, tag, stack, is_sample));
    site.unwrap_or(tag)
}

/// What a new block's trailer is to name: its site, or a record where the mode
/// or the thread's owner wants one.
#[inline(always)]
fn name_of(here: &Here, (address, size): (usize, usize), site: u32) -> u32 {
    // Not the thread's own word, which an orphan does not have.
    if control::mode() & LIVE == 0 && here.owner() == 0 {
        return site;
    }
    enter_record(here, address, size, site)
}

#[inline(never)]
fn enter_record(here: &Here, address: usize, size: usize, site: u32) -> u32 {
    let slot = here.slot.get();
    let (thread, tag) = (thread_number(here), site::tag_of(site));
    let mut owner = here.owner();
    if owner != 0 {
        let living = owner::add(owner, thread, tag, size);
        if living != owner {
            // It has ended, and this thread works on.
            here.set_owner(living);
            owner = living;
        }
    }
    let block = live::Block { address, size, site, owner, thread, born: clock::ticks() };
    let name = live::add(slot.and_then(Slot::free_records), block);
    if owner != 0 && live::is_site(name) {
        // Without a record nobody will know whose it was when it goes.
        let event = Event { freed: Some(size), ..Event::default() };
        owner::change(owner, block.born, thread, tag, event);
    }
    name
}

/// The number of the thread; 0 for an orphan.
#[inline(always)]
fn thread_number(here: &Here) -> u32 {
    here.slot.get().map_or(0, Slot::thread_number)
}

/// Takes a block that is about to be released out of the records.
/// Its owner hears of it once it is known what became of its bytes: see [`tell_owner`].
#[inline(never)]
fn leave_record(here: &Here, record: u32, size: usize) {
    if let Some(owned) = live::owned(record) {
        here.leave(Leaving { owned, size, new_size: None });
    }
    live::remove(here.slot.get().and_then(Slot::free_records), record);
}

/// Tells the owner of the block that leaves it, if there is one, what became of the
/// bytes.
#[inline(always)]
fn tell_owner(here: &Here, released: Released) {
    if let Some(leaving) = here.take_leaving() {
        count_leaving(here, leaving, released);
    }
}

#[inline(never)]
fn count_leaving(here: &Here, leaving: Leaving, released: Released) {
    let Leaving { owned: Owned { owner, site, born }, size, new_size } = leaving;
    let Released { wiped, returned, unwiped, .. } = released;
    let event = Event { allocated: new_size, freed: Some(size), wiped, returned, unwiped };
    owner::change(owner, born, thread_number(here), site::tag_of(site), event);
}

/// Always by atomic add: whoever overwrites a chunk of the journal counts what
/// it held in the cells of the slot whose chunk it was.
#[cold]
fn count_dropped(cell: &Cell, kind: EventKind, size: u64) {
    if kind.allocates() {
        Shared::add(&cell[DROPPED_ALLOCATED_BLOCKS], 1);
        Shared::add(&cell[DROPPED_ALLOCATED_BYTES], size);
    } else if kind.frees() {
        Shared::add(&cell[DROPPED_FREED_BLOCKS], 1);
        Shared::add(&cell[DROPPED_FREED_BYTES], size);
    } else {
        Shared::add(&cell[DROPPED_FAILED_COUNT], 1);
    }
}
