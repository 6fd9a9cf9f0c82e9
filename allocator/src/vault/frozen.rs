//! Freezing: what a tag has loaded can be read and not written any more.

use crate::os::{self, Access};

use super::range::{self, Slot, State};
use super::{Work, child};

/// What became of a tag's blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// How many blocks there are.
    pub(crate) block_count: usize,
    /// Their bytes.
    pub(crate) byte_count: usize,
}

/// Makes a tag's blocks read-only.
pub(crate) fn freeze(site: u32) -> Result<Changed, i32> {
    change(site, (State::Live, State::Frozen), Access::Read)
}

/// Makes them writable again.
pub(crate) fn thaw(site: u32) -> Result<Changed, i32> {
    change(site, (State::Frozen, State::Live), Access::Write)
}

/// Changes all blocks of a tag, or, where the system refuses, some of them.
/// Those that are as they should be already count, too.
fn change(site: u32, (from, to): (State, State), access: Access) -> Result<Changed, i32> {
    child::settle();
    let _work = Work::begin();
    let mut changed = Changed::default();
    for slot in range::taken() {
        // A claimed slot's place and site hold; a block that comes or goes
        // meanwhile is none of those that were loaded.
        if slot.state() == from && slot.site() == site && slot.claim(from) {
            let done = protect(slot, access);
            slot.set_state(if done.is_ok() { to } else { from });
            done?;
        } else if slot.state() != to || slot.site() != site {
            continue;
        }
        changed.block_count += 1;
        changed.byte_count += slot.place().size;
    }
    Ok(changed)
}

/// Says what may be done with the pages of a slot that the caller has claimed.
pub(super) fn protect(slot: &Slot, access: Access) -> Result<(), i32> {
    let (address, size) = slot.place().pages();
    // SAFETY: the pages are the block's alone; whoever writes it against its
    // tag's wish is to be stopped.
    unsafe { os::protect(address, size, access) }
}
