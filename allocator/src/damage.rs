//! Blocks whose trailer is not what it should be: what can be known is said,
//! then policy decides.

use core::sync::atomic::Ordering;

use scrubjay_log_format::process as words_of;

use crate::config::OnCorruption;
use crate::limits::TRAILER_SIZE;
use crate::line::Line;
use crate::trailer::{self, Trailer};
use crate::{os, process, site, store, tag};

/// Reports a block that is to be released with `size`, of which `readable`
/// bytes can be looked at. Returns only where damage is counted; the block
/// must then be left alone.
#[cold]
#[inline(never)]
pub(crate) fn report(block: *const u8, size: usize, readable: usize) {
    judge(describe(block, size, readable));
}

/// Reports a block that was written after its release, while it was held back.
/// Returns only where damage is counted; the block must then stay nobody's.
#[cold]
#[inline(never)]
pub(crate) fn report_written(block: *const u8, size: usize, site: u32, offset: usize) {
    let line = Line::new().text("written after free, at byte ").number(offset as u64);
    judge(of(line.text(" of "), block, size, site));
}

/// Reports a release of a block in guarded memory where there is none. Returns
/// only where damage is counted.
#[cold]
#[inline(never)]
pub(crate) fn report_missing(block: *const u8, size: usize) {
    let line = Line::new().text("double free, or a pointer to no block: vault block at ");
    judge(line.address(block as usize).text(", ").number(size as u64).text(" bytes"));
}

/// Reports a release with a layout that is not the block's, whose size is
/// known. Returns only where damage is counted; the block must then be left
/// alone.
#[cold]
#[inline(never)]
pub(crate) fn report_layout(block: *const u8, size: usize, true_size: usize, site: u32) {
    let line = Line::new().text("freed with the wrong layout (").number(size as u64);
    judge(of(line.text(" bytes): "), block, true_size, site));
}

/// Says what was found, and does what policy wants.
fn judge(line: Line) {
    line.say();
    let Some(store) = store::current() else { os::abort() };
    store.process()[words_of::CORRUPTION_COUNT].fetch_add(1, Ordering::Relaxed);
    if store.config().on_corruption == OnCorruption::Abort {
        process::mark_end(store, words_of::STATE_CORRUPTION);
        os::abort();
    }
}

fn describe(block: *const u8, size: usize, readable: usize) -> Line {
    let line = Line::new();
    let found = trailer_at(block, size, readable.max(size.saturating_add(TRAILER_SIZE)));
    match found.map_or(Trailer::Unknown, |found| trailer::judge(block as usize, found)) {
        Trailer::Released { site } => of(line.text("double free of "), block, size, site),
        Trailer::Overrun { site } => {
            let line = line.text("overflow by at least one byte behind ");
            of(line, block, size, site)
        }
        // Live is never reported; the rest is looked for elsewhere.
        Trailer::Live { .. } | Trailer::Unknown => match true_size(block, size, readable) {
            Some((true_size, site)) => {
                let line = line.text("freed with the wrong layout (").number(size as u64);
                of(line.text(" bytes): "), block, true_size, site)
            }
            None => line
                .text("overflow, or double free, of the block at ")
                .address(block as usize)
                .text(", freed with ")
                .number(size as u64)
                .text(" bytes; its tag is unknown"),
        },
    }
}

fn of(line: Line, block: *const u8, size: usize, site: u32) -> Line {
    let line = line.text("the block at ").address(block as usize);
    let line = line.text(", ").number(size as u64).text(" bytes, tag ");
    line.text(tag::name_or_unknown(site::tag_of(site)))
}

fn trailer_at(block: *const u8, size: usize, readable: usize) -> Option<[u8; TRAILER_SIZE]> {
    if size.checked_add(TRAILER_SIZE)? > readable {
        return None;
    }
    // SAFETY: the caller knows that so many bytes can be read.
    let place = unsafe { block.add(size) };
    // SAFETY: as above; bytes need no alignment.
    Some(unsafe { place.cast::<[u8; TRAILER_SIZE]>().read() })
}

/// The size behind which a valid trailer stands.
fn true_size(block: *const u8, size: usize, readable: usize) -> Option<(usize, u32)> {
    let sizes = 0..readable.saturating_sub(TRAILER_SIZE - 1);
    sizes.filter(|&other| other != size).find_map(|other| {
        let found = trailer_at(block, other, readable)?;
        match trailer::judge(block as usize, found) {
            Trailer::Live { site } => Some((other, site)),
            _ => None,
        }
    })
}
