//! Reading the program's memory word by word, without a fault.

use core::ops::Range;

use super::mappings::{Mappings, Region};
use super::pages::Pages;
use crate::limits::REACH_TOUCHED_MIN;
use crate::{os, touched};

const WORD: usize = size_of::<usize>();
/// How much is read at a time where the kernel does it, bytes.
const WINDOW_SIZE: usize = 256 << 10;

/// What reading takes, got before anybody stands still.
pub(super) struct Room {
    window: Pages<u8>,
    /// The kernel's book of pages, where it is open to us.
    book: Option<i32>,
}

impl Room {
    /// `None` where there is no memory.
    pub(super) fn new() -> Option<Self> {
        let window = Pages::new(WINDOW_SIZE)?;
        window.populate(WINDOW_SIZE);
        Some(Self { window, book: os::open_pagemap() })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(book) = self.book {
            os::close(book);
        }
    }
}

/// The program's memory.
pub(super) struct Memory<'m> {
    mappings: &'m Mappings,
    room: &'m mut Room,
    /// Whether nobody can unmap what is read, so that it is read in place.
    is_still: bool,
    /// The mapping that was read last.
    last: Option<Region>,
    /// Bytes that were looked at so far.
    pub(super) read_size: u64,
    /// Bytes that could not be read.
    pub(super) unreadable_size: u64,
}

impl<'m> Memory<'m> {
    pub(super) fn new(mappings: &'m Mappings, room: &'m mut Room, is_still: bool) -> Self {
        Self { mappings, room, is_still, last: None, read_size: 0, unreadable_size: 0 }
    }

    pub(super) fn mappings(&self) -> &'m Mappings {
        self.mappings
    }

    /// Hands out the words at multiples of 8 that lie within a range, each behind
    /// its own address. Pages that hold nothing are left out where the range is
    /// large.
    #[inline(always)]
    pub(super) fn words(&mut self, range: Range<usize>, mut see: impl FnMut(usize, usize)) {
        let Range { mut start, end } = range;
        while start < end {
            let Some(region) = self.region(start) else {
                // Nothing is there up to the next mapping.
                let next = self.next_region(start).min(end);
                self.unreadable_size += (next - start) as u64;
                start = next;
                continue;
            };
            let part = start..region.end.min(end);
            start = part.end;
            if !region.is_readable() {
                self.unreadable_size += part.len() as u64;
            } else if part.len() < REACH_TOUCHED_MIN {
                self.part(part, region, &mut see);
            } else {
                let first = part.start;
                touched::each_in(self.room.book, first, part.len(), |offset, size| {
                    self.part(first + offset..first + offset + size, region, &mut see);
                });
            }
        }
    }

    /// As [`Memory::words`], for a range of one mapping that holds something.
    #[inline(always)]
    pub(super) fn part(
        &mut self,
        range: Range<usize>,
        region: Region,
        see: &mut impl FnMut(usize, usize),
    ) {
        let start = range.start.next_multiple_of(WORD);
        let end = range.end & !(WORD - 1);
        if start >= end {
        } else if self.is_still && region.is_direct() {
            self.read_size += (end - start) as u64;
            // SAFETY: the mapping is private memory that may be read, and whoever
            // could change that stands still.
            unsafe { in_place(start..end, see) };
        } else {
            self.by_the_kernel(start..end, see);
        }
    }

    #[inline(never)]
    fn by_the_kernel(&mut self, range: Range<usize>, see: &mut impl FnMut(usize, usize)) {
        let Range { mut start, end } = range;
        while start < end {
            let wanted = (end - start).min(self.room.window.len());
            let Some(window) = self.room.window.get_mut(..wanted) else { break };
            let size = os::read_memory(start, window).unwrap_or(0) & !(WORD - 1);
            let words = window.get(..size).unwrap_or(&[]).as_chunks::<WORD>().0;
            for (address, word) in (start..).step_by(WORD).zip(words) {
                see(address, usize::from_ne_bytes(*word));
            }
            self.read_size += size as u64;
            start += size;
            if size == 0 {
                let next = (start + 1).next_multiple_of(os::page_size()).min(end);
                self.unreadable_size += (next - start) as u64;
                start = next;
            }
        }
    }

    /// The parts of a range that hold something.
    pub(super) fn touched(&self, range: Range<usize>, mut see: impl FnMut(Range<usize>)) {
        touched::each_in(self.room.book, range.start, range.len(), |offset, size| {
            see(range.start + offset..range.start + offset + size);
        });
    }

    #[inline(always)]
    fn region(&mut self, address: usize) -> Option<Region> {
        let is_it = |region: &Region| (region.start..region.end).contains(&address);
        if !self.last.as_ref().is_some_and(is_it) {
            self.last = self.mappings.at(address);
        }
        self.last
    }

    fn next_region(&self, address: usize) -> usize {
        let regions = self.mappings.regions();
        let next = regions.partition_point(|region| region.start <= address);
        regions.get(next).map_or(usize::MAX, |region| region.start)
    }
}

/// Hands out the words of a range, as they stand there, each behind its address.
///
/// # Safety
/// The range can be read, and begins and ends at multiples of a word.
#[inline(always)]
pub(super) unsafe fn in_place(range: Range<usize>, see: &mut impl FnMut(usize, usize)) {
    let mut place = core::ptr::with_exposed_provenance::<usize>(range.start);
    let end = core::ptr::with_exposed_provenance::<usize>(range.end);
    while place < end {
        // Volatile: the words are the program's, whatever they are to it.
        // SAFETY: the caller promises the range.
        see(place.addr(), unsafe { place.read_volatile() });
        place = place.wrapping_add(1);
    }
}
