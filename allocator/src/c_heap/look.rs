//! What a pointer that C hands in stands for.

use crate::heap::Ruler;
use crate::limits::{LOOKED_BACK, TRAILER_SIZE};
use crate::site;
use crate::trailer::{self, Trailer};

/// What was found behind a pointer.
pub(super) enum Found {
    /// A live block of C, and its size.
    Block(usize),
    /// A live block of Rust, and its size: its trailer lies right behind what
    /// Rust asked for.
    Rusts(usize),
    /// A tombstone, or a trailer of which one byte is wrong, behind so many
    /// bytes.
    Damaged(usize),
    /// No trailer, so many bytes; none where glibc sees a free block.
    Stray(usize),
}

/// The size of a live block of C, the usual case.
///
/// # Safety
/// The pointer came from the C library's heap, and its block was not given back
/// to the kernel since.
#[inline(always)]
pub(super) unsafe fn block(ruler: Ruler, block: *mut u8) -> Option<usize> {
    // SAFETY: the caller's promise.
    let usable = unsafe { ruler.usable_size(block) };
    let size = usable.checked_sub(TRAILER_SIZE)?;
    // SAFETY: these are the block's last bytes.
    let valid = unsafe { trailer::read(block, size) }?;
    site::exists(valid.site()).then_some(size)
}

/// Looks closer where [`block`] found nothing.
///
/// # Safety
/// As for [`block`].
#[cold]
pub(super) unsafe fn closer(ruler: Ruler, block: *mut u8) -> Found {
    // SAFETY: the caller's promise.
    let usable = unsafe { ruler.usable_size(block) };
    let Some(size) = usable.checked_sub(TRAILER_SIZE) else { return Found::Stray(usable) };
    // SAFETY: these are bytes of the block.
    let judge = |size: usize| unsafe { judge(block, size) };
    if let Trailer::Live { .. } = judge(size) {
        return Found::Block(size);
    }
    // Before the tombstone counts: it may be an older block's, in the slack of
    // one that Rust has now.
    let sizes = size.saturating_sub(LOOKED_BACK)..size;
    if let Some(size) = sizes.rev().find(|&size| matches!(judge(size), Trailer::Live { .. })) {
        return Found::Rusts(size);
    }
    match judge(size) {
        Trailer::Released { .. } | Trailer::Overrun { .. } => Found::Damaged(size),
        Trailer::Live { .. } | Trailer::Unknown => Found::Stray(usable),
    }
}

/// What stands behind `size` bytes, if it can be a trailer of this process.
///
/// # Safety
/// The block has room for a trailer there.
unsafe fn judge(block: *mut u8, size: usize) -> Trailer {
    // SAFETY: the caller's promise.
    let place = unsafe { block.add(size) };
    // SAFETY: as above; bytes need no alignment.
    let found = unsafe { place.cast::<[u8; TRAILER_SIZE]>().read() };
    let judged = trailer::judge(block as usize, found);
    match judged {
        Trailer::Live { site } | Trailer::Released { site } | Trailer::Overrun { site }
            if site::exists(site) =>
        {
            judged
        }
        _ => Trailer::Unknown,
    }
}

/// Sees to it that nobody takes the end of a fresh block, which is to have no
/// trailer, for the trailer of an older one in its place.
///
/// # Safety
/// The block is fresh: what it holds there has no meaning, or is zeros.
pub(super) unsafe fn forget(ruler: Ruler, block: *mut u8) {
    // SAFETY: the caller's promise.
    let usable = unsafe { ruler.usable_size(block) };
    let Some(size) = usable.checked_sub(TRAILER_SIZE) else { return };
    // SAFETY: these are bytes of the block.
    if matches!(unsafe { judge(block, size) }, Trailer::Unknown) {
        return;
    }
    // SAFETY: as above.
    let place = unsafe { block.add(size) };
    // SAFETY: as above; bytes need no alignment.
    unsafe { place.write_bytes(0, TRAILER_SIZE) };
}
