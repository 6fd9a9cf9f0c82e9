//! The kernel's book of this process's pages.

/// A run of pages, from its first byte to behind its last.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct PageRun {
    pub(crate) start: u64,
    pub(crate) end: u64,
    categories: u64,
}

/// The kernel's book of this process's pages; `None` where it is closed to us.
pub(crate) fn open_pagemap() -> Option<i32> {
    // SAFETY: the path is a C string.
    let file =
        unsafe { libc::open(c"/proc/self/pagemap".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    (file >= 0).then_some(file)
}

/// Finds runs of pages that hold something, in memory or swapped out, from
/// `start` on. Answers how many, and where the search has come to; `None` on
/// kernels before 6.7.
pub(crate) fn scan_pagemap(
    file: i32,
    start: u64,
    end: u64,
    runs: &mut [PageRun],
) -> Option<(usize, u64)> {
    #[repr(C)]
    struct Scan {
        size: u64,
        flags: u64,
        start: u64,
        end: u64,
        walk_end: u64,
        runs: u64,
        run_count: u64,
        page_count_max: u64,
        inverted: u64,
        all_of: u64,
        any_of: u64,
        answered: u64,
    }
    const PRESENT: u64 = 1 << 3;
    const SWAPPED: u64 = 1 << 4;
    /// The shared page of zeros, which a mere read maps.
    const ZERO: u64 = 1 << 5;
    /// `_IOWR('f', 16, struct pm_scan_arg)`.
    const PAGEMAP_SCAN: libc::Ioctl =
        (3 << 30 | (size_of::<Scan>() as libc::Ioctl) << 16 | 0x66 << 8 | 16) as libc::Ioctl;
    let mut scan = Scan {
        size: size_of::<Scan>() as u64,
        flags: 0,
        start,
        end,
        walk_end: 0,
        runs: runs.as_mut_ptr() as u64,
        run_count: runs.len() as u64,
        page_count_max: 0,
        inverted: ZERO,
        all_of: ZERO,
        any_of: PRESENT | SWAPPED,
        answered: PRESENT | SWAPPED,
    };
    // SAFETY: the kernel writes the structure, and at most `run_count` runs.
    let count = unsafe { libc::ioctl(file, PAGEMAP_SCAN, &mut scan) };
    Some((usize::try_from(count).ok()?, scan.walk_end))
}

/// Reads the book's entries from a page on; answers how many.
pub(crate) fn read_pagemap(file: i32, page: u64, entries: &mut [u64]) -> Option<usize> {
    let size = size_of_val(entries);
    let place = (page * 8) as libc::off_t;
    // SAFETY: the entries are writable for their size.
    let read = unsafe { libc::pread(file, entries.as_mut_ptr().cast(), size, place) };
    usize::try_from(read).ok().map(|size| size / 8).filter(|&count| count > 0)
}
