//! Which mappings are scrubjay's own: whoever searches the program's memory
//! leaves them out.
//!
//! A table without a lock, since a thread may be stopped anywhere.

use core::sync::atomic::{AtomicUsize, Ordering};

/// Mappings that can be noted; those beyond are counted, and taken for the
/// program's.
const RANGES_MAX: usize = 32 * 1024;

/// Where a mapping lies. Its end is 0 where the place is free.
struct Range {
    start: AtomicUsize,
    end: AtomicUsize,
}

/// An end: somebody is about to note a mapping there.
const CLAIMED: usize = 1;

static RANGES: [Range; RANGES_MAX] =
    [const { Range { start: AtomicUsize::new(0), end: AtomicUsize::new(0) } }; RANGES_MAX];
/// How many places were ever used.
static USED: AtomicUsize = AtomicUsize::new(0);
/// How many mappings found no place.
static MISSED: AtomicUsize = AtomicUsize::new(0);

/// Notes a mapping, or reserved addresses, whose content is scrubjay's alone.
pub(crate) fn note_own(address: *const u8, size: usize) {
    let start = address.addr();
    let free = |range: &&Range| {
        let end = &range.end;
        end.load(Ordering::Relaxed) == 0
            && end.compare_exchange(0, CLAIMED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    };
    let Some((place, range)) = RANGES.iter().enumerate().find(|(_, range)| free(range)) else {
        MISSED.fetch_add(1, Ordering::Relaxed);
        return;
    };
    range.start.store(start, Ordering::Relaxed);
    range.end.store(start + size, Ordering::Release);
    USED.fetch_max(place + 1, Ordering::AcqRel);
}

/// Forgets a mapping that is about to go, if it was noted.
pub(super) fn forget_own(address: *const u8) {
    let used = USED.load(Ordering::Acquire);
    let is_it = |range: &&Range| {
        range.end.load(Ordering::Acquire) > CLAIMED
            && range.start.load(Ordering::Relaxed) == address.addr()
    };
    if let Some(range) = RANGES.iter().take(used).find(is_it) {
        range.end.store(0, Ordering::Release);
    }
}

/// Hands out the mappings that are noted, from start to end, and the table itself:
/// what it says of mappings that are gone may be others' addresses by now.
pub(crate) fn each_own(mut see: impl FnMut(usize, usize)) {
    let table = RANGES.as_ptr_range();
    see(table.start.addr(), table.end.addr());
    for range in RANGES.iter().take(USED.load(Ordering::Acquire)) {
        let end = range.end.load(Ordering::Acquire);
        if end > CLAIMED {
            see(range.start.load(Ordering::Relaxed), end);
        }
    }
}

/// How many mappings found no place, and are taken for the program's.
pub(crate) fn own_missed_count() -> usize {
    MISSED.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_known_until_it_goes() {
        let size = 3 * super::super::page_size();
        let start = super::super::map_private(size);
        let knows = || {
            let mut found = false;
            each_own(|from, to| found |= (from, to) == (start.addr(), start.addr() + size));
            found
        };
        assert!(knows());
        super::super::unmap(start, size);
        assert!(!knows());
    }
}
