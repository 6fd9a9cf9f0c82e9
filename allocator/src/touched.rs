//! Which pages of a range hold something: those that are in memory or swapped
//! out. Only they have to be overwritten; the others would be faulted in by it.
//!
//! `mincore` will not do: it calls a page that was swapped out absent.

use crate::os::{self, PageRun};

/// Runs asked for at a time.
const RUNS: usize = 64;
/// Entries read at a time.
const ENTRIES: usize = 256;
/// Bits of an entry of `/proc/self/pagemap`: in memory, swapped out.
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;

/// Hands out the parts of a range that hold something, as offset and size.
/// Where the kernel does not tell, that is all of it.
pub(crate) fn each(start: usize, size: usize, mut found: impl FnMut(usize, usize)) {
    let page_size = os::page_size();
    let end = start + size;
    let mut part = |from: u64, to: u64| {
        let (from, to) = ((from as usize).max(start), (to as usize).min(end));
        if from < to {
            found(from - start, to - from);
        }
    };
    let first = start - start % page_size;
    let come_to = match os::open_pagemap() {
        Some(file) => {
            let scanned = scan(file, first as u64, end as u64, page_size, &mut part);
            let come_to = read(file, scanned, end as u64, page_size as u64, &mut part);
            os::close(file);
            come_to
        }
        None => first as u64,
    };
    part(come_to, end as u64);
}

/// By `PAGEMAP_SCAN`; answers the address to which it has come.
fn scan(
    file: i32,
    mut from: u64,
    end: u64,
    page_size: usize,
    part: &mut impl FnMut(u64, u64),
) -> u64 {
    let mut runs = [PageRun::default(); RUNS];
    let end = end.next_multiple_of(page_size as u64);
    while from < end {
        let Some((count, come_to)) = os::scan_pagemap(file, from, end, &mut runs) else { break };
        for run in runs.iter().take(count) {
            part(run.start, run.end);
        }
        if come_to <= from {
            break;
        }
        from = come_to;
    }
    from
}

/// By the entries; answers the address to which it has come.
fn read(
    file: i32,
    mut from: u64,
    end: u64,
    page_size: u64,
    part: &mut impl FnMut(u64, u64),
) -> u64 {
    let mut entries = [0; ENTRIES];
    while from < end {
        let left = (end - from).div_ceil(page_size).min(ENTRIES as u64) as usize;
        let page = from / page_size;
        let Some(count) = os::read_pagemap(file, page, &mut entries[..left]) else { break };
        for &entry in entries.iter().take(count) {
            if holds_something(entry) {
                part(from, from + page_size);
            }
            from += page_size;
        }
    }
    from
}

fn holds_something(entry: u64) -> bool {
    entry & (PRESENT | SWAPPED) != 0
}

#[cfg(test)]
#[expect(unsafe_code, reason = "touches pages")]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_was_swapped_out_holds_something() {
        // As recorded: in memory at frame 0x1a2b, swapped out, never touched.
        assert!(holds_something(0x8180_0000_0000_1a2b));
        assert!(holds_something(0x4000_0000_0003_2a40));
        assert!(!holds_something(0x0080_0000_0000_0000));
    }

    fn touched_by(way: impl Fn(i32, u64, u64, usize, &mut dyn FnMut(u64, u64))) {
        let page_size = os::page_size();
        let size = 100 * page_size;
        let start = os::map_private(size);
        assert!(!start.is_null());
        for page in [0, 7, 8, 99] {
            // SAFETY: the page lies within the mapping.
            let page = unsafe { start.add(page * page_size) };
            // SAFETY: as above.
            unsafe { page.write(1) };
        }
        let start = start as u64;
        let file = os::open_pagemap().expect("one's own pagemap is readable");
        let mut pages = Vec::new();
        way(file, start, start + size as u64, page_size, &mut |from: u64, to: u64| {
            pages.extend((from..to).step_by(page_size).map(|at| (at - start) / page_size as u64));
        });
        os::close(file);
        assert_eq!(pages, [0, 7, 8, 99]);
    }

    #[test]
    fn entries_tell_the_touched_pages() {
        touched_by(|file, from, end, page, mut part| {
            assert_eq!(read(file, from, end, page as u64, &mut part), end);
        });
    }

    #[test]
    fn a_scan_tells_the_same_or_nothing() {
        let mut run = [PageRun::default()];
        let file = os::open_pagemap().expect("one's own pagemap is readable");
        let known = os::scan_pagemap(file, 0, 4096, &mut run).is_some();
        os::close(file);
        if known {
            touched_by(|file, from, end, page, mut part| {
                assert_eq!(scan(file, from, end, page, &mut part), end);
            });
        }
    }
}
