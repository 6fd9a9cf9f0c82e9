//! Blocks whose trailer is not what it should be.

use super::begin::Settings;
use super::{ledger, os};
use crate::limits::TRAILER_SIZE;
use crate::line::Line;
use crate::tag;
use crate::trailer::{self, Trailer};

/// Says what can be known of a block that is to be released with `size`, and
/// aborts or counts, as the settings want. Where it returns, the block must be
/// left alone.
///
/// # Safety
/// The bytes behind the block are readable, as far as a trailer goes.
#[cold]
#[inline(never)]
pub(super) unsafe fn report(settings: Settings, block: *const u8, size: usize) {
    // SAFETY: the caller's promise.
    let place = unsafe { block.add(size) };
    // SAFETY: as above; bytes need no alignment.
    let found = unsafe { place.cast::<[u8; TRAILER_SIZE]>().read() };
    let (what, tag) = match trailer::judge(block as usize, found) {
        Trailer::Released { site } => ("double free", tag::name(site)),
        Trailer::Overrun { site } => ("overflow by at least one byte", tag::name(site)),
        Trailer::Live { .. } | Trailer::Unknown => ("overflow, double free, or wrong layout", None),
    };
    let line = Line::new().text(what).text(": the block at ").address(block as usize);
    let line = line.text(", ").number(size as u64).text(" bytes, tag ");
    line.text(tag.unwrap_or("unknown")).say();
    ledger::corrupted();
    if settings.aborts() {
        os::abort();
    }
}
