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
/// Where the kernel does not tell, which is the answer, that is all of it.
pub(crate) fn each(start: usize, size: usize, found: impl FnMut(usize, usize)) -> bool {
    let file = os::open_pagemap();
    let is_told = each_in(file, start, size, found);
    if let Some(file) = file {
        os::close(file);
    }
    is_told
}

/// As [`each`], for whoever asks often and has the kernel's book open, if it can
/// be opened.
pub(crate) fn each_in(
    file: Option<i32>,
    start: usize,
    size: usize,
    mut found: impl FnMut(usize, usize),
) -> bool {
    let page_size = os::page_size();
    let end = start + size;
    let mut part = |from: u64, to: u64| {
        let (from, to) = ((from as usize).max(start), (to as usize).min(end));
        if from < to {
            found(from - start, to - from);
        }
    };
    let first = start - start % page_size;
    let come_to = match file {
        Some(file) => {
            let scanned = scan(file, first as u64, end as u64, page_size, &mut part);
            read(file, scanned, end as u64, page_size as u64, &mut part)
        }
        None => first as u64,
    };
    part(come_to, end as u64);
    come_to >= end as u64
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
mod tests {
    use super::*;

    #[test]
    fn a_page_that_was_swapped_out_holds_something() {
        // As recorded: in memory at frame 0x1a2b, swapped out, never touched.
        assert!(holds_something(0x8180_0000_0000_1a2b));
        assert!(holds_something(0x4000_0000_0003_2a40));
        assert!(!holds_something(0x0080_0000_0000_0000));
    }

    /// The pages of a buffer that a way of asking finds, from its first.
    fn pages_found(buffer: &[u8], way: impl Fn(i32, u64, u64, usize, &mut Pages)) -> Pages {
        let page_size = os::page_size();
        let start = (buffer.as_ptr() as usize).next_multiple_of(page_size) as u64;
        let end = start + (buffer.len() - page_size) as u64;
        let file = os::open_pagemap().expect("one's own pagemap is readable");
        let mut pages = Pages::new();
        way(file, start, end, page_size, &mut pages);
        os::close(file);
        pages.into_iter().map(|page| page - start / page_size as u64).collect()
    }

    type Pages = std::collections::BTreeSet<u64>;

    fn read_entries(file: i32, from: u64, end: u64, page: usize, pages: &mut Pages) {
        let mut part = |from: u64, to: u64| pages.extend(from / page as u64..to / page as u64);
        assert_eq!(read(file, from, end, page as u64, &mut part), end);
    }

    fn scan_whole(file: i32, from: u64, end: u64, page: usize, pages: &mut Pages) {
        let mut part = |from: u64, to: u64| pages.extend(from / page as u64..to / page as u64);
        assert_eq!(scan(file, from, end, page, &mut part), end);
    }

    #[test]
    fn touched_pages_are_found_by_entries_and_alike_by_a_scan() {
        let page_size = os::page_size();
        let mut buffer = vec![0_u8; 101 * page_size];
        let offset =
            (buffer.as_ptr() as usize).next_multiple_of(page_size) - buffer.as_ptr() as usize;
        for page in [0, 7, 8, 99] {
            buffer[offset + page * page_size] = 1;
        }
        let by_entries = pages_found(&buffer, read_entries);
        assert!([0, 7, 8, 99].iter().all(|page| by_entries.contains(page)), "{by_entries:?}");
        let file = os::open_pagemap().expect("one's own pagemap is readable");
        let can_scan = os::scan_pagemap(file, 0, 4096, &mut [PageRun::default()]).is_some();
        os::close(file);
        if can_scan {
            assert_eq!(pages_found(&buffer, scan_whole), by_entries);
        }
    }
}
