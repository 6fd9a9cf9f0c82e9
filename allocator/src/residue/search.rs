//! The search itself, run apart: on memory of its own, which it leaves out, and
//! without the heap, whose freed blocks it would otherwise take and overwrite.

use core::ffi::c_void;
use core::mem::size_of;
use core::ops::Range;
use core::{ptr, slice};
use std::io;

use super::blocks::{self, Block};
use super::windows::{self, Entry, WINDOW_SIZE, Windows};
use crate::maps::{self, Mapping};
use crate::{mapped, os, touched};

/// How many places are kept; the rest is only counted.
pub(super) const KEPT_MAX: usize = 64;
/// How many of them are looked at for the block that they are in.
const JUDGED_MAX: usize = 32;
/// How much of a path is kept.
const PATH_SIZE: usize = 128;
/// How much memory is read at a time, in bytes.
const PIECE_SIZE: usize = 256 << 10;
/// A line of maps has a path of at most 4 KiB.
const MAPS_SIZE: usize = 16 << 10;
const STACK_SIZE: usize = 256 << 10;

/// What a piece of memory belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file, or what the kernel calls it.
    Named,
    /// The stack of the thread that asked.
    Stack,
    /// A large block's own mapping.
    LargeBlock,
    /// Nothing that has a name.
    Anonymous,
}

/// A piece of memory and where it lies.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) address: usize,
    pub(super) size: usize,
    /// Where in the pattern it stands; of no meaning for what is unreadable.
    pub(super) offset: usize,
    pub(super) kind: Kind,
    path: [u8; PATH_SIZE],
    path_size: usize,
    pub(super) block: Option<Block>,
}

impl Piece {
    const EMPTY: Self = Self {
        address: 0,
        size: 0,
        offset: 0,
        kind: Kind::Anonymous,
        path: [0; PATH_SIZE],
        path_size: 0,
        block: None,
    };

    /// The file, cut where it is long.
    pub(super) fn path(&self) -> &[u8] {
        self.path.get(..self.path_size).unwrap_or(&[])
    }

    fn end(&self) -> usize {
        self.address.saturating_add(self.size)
    }
}

/// Pieces, of which the first are kept.
#[derive(Clone, Copy)]
pub(super) struct Pieces {
    kept: [Piece; KEPT_MAX],
    last: Piece,
    pub(super) count: usize,
    /// How many bytes they have together.
    pub(super) size: u64,
}

impl Pieces {
    const EMPTY: Self =
        Self { kept: [Piece::EMPTY; KEPT_MAX], last: Piece::EMPTY, count: 0, size: 0 };

    /// Those that are kept.
    pub(super) fn kept(&self) -> &[Piece] {
        self.kept.get(..self.count).unwrap_or(&self.kept)
    }

    fn add(&mut self, piece: Piece) {
        self.size += piece.size as u64;
        self.count += 1;
        self.set_last(piece);
    }

    /// Has the last one end later.
    fn extend(&mut self, end: usize) {
        let mut last = self.last;
        self.size += end.saturating_sub(last.end()) as u64;
        last.size = end - last.address;
        self.set_last(last);
    }

    fn set_last(&mut self, piece: Piece) {
        self.last = piece;
        if let Some(place) = self.kept.get_mut(self.count - 1) {
            *place = piece;
        }
    }
}

/// What the search found out.
#[derive(Clone, Copy)]
pub(super) struct Report {
    /// Whether it came to its end.
    pub(super) is_done: bool,
    /// Windows of the pattern that tell something.
    pub(super) window_count: u64,
    pub(super) found: Pieces,
    pub(super) unreadable: Pieces,
    /// How many bytes were looked at.
    pub(super) searched_size: u64,
    /// The last error of the system, as a number; 0 for none.
    pub(super) error: i32,
}

impl Report {
    const EMPTY: Self = Self {
        is_done: false,
        window_count: 0,
        found: Pieces::EMPTY,
        unreadable: Pieces::EMPTY,
        searched_size: 0,
        error: 0,
    };
}

/// What the search is to do, with the memory that it brings along.
struct Task<'t> {
    pattern: &'t [u8],
    /// The search's own mapping.
    own: Range<usize>,
    /// An address on the stack of the thread that asked.
    stack: usize,
    buffers: &'t mut Buffers,
    entries: &'t mut [Entry],
    filter: &'t mut [u64],
    report: Report,
}

/// Memory for what is read.
struct Buffers {
    maps: [u8; MAPS_SIZE],
    piece: [u8; PIECE_SIZE],
    around: blocks::Around,
}

/// Looks for the windows of a pattern in all of this process's memory, but for
/// the pattern itself.
pub(super) fn search(pattern: &[u8], stack: usize) -> io::Result<Report> {
    // One mapping: a page that nobody may touch, the stack above it, what is
    // read, the windows.
    let (entry_count, word_count) = windows::room(pattern.len());
    let page_size = os::page_size();
    let buffers_at = page_size + STACK_SIZE;
    let entries_at = (buffers_at + size_of::<Buffers>()).next_multiple_of(page_size);
    let filter_at = entries_at + entry_count * size_of::<Entry>();
    let size = (filter_at + word_count * 8).next_multiple_of(page_size);
    let start = os::reserve(size);
    if start.is_null() {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let at = |offset: usize| start.wrapping_add(offset);
    // SAFETY: the range was just reserved, and nothing refers to it.
    if !unsafe { os::map_over(at(page_size), size - page_size, None, 0) } {
        os::unmap(start, size);
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    // SAFETY: the place is in the mapping, aligned to a page, nobody else's, and
    // zeros are bytes.
    let buffers = unsafe { &mut *at(buffers_at).cast::<Buffers>() };
    // SAFETY: likewise, and zeros are entries.
    let entries = unsafe { slice::from_raw_parts_mut(at(entries_at).cast(), entry_count) };
    // SAFETY: likewise, behind them.
    let filter = unsafe { slice::from_raw_parts_mut(at(filter_at).cast(), word_count) };
    let own = start.addr()..start.addr() + size;
    let report = Report::EMPTY;
    let mut task = Task { pattern, own, stack, buffers, entries, filter, report };
    // SAFETY: the stack ends where the buffers begin. The calling thread waits,
    // so the task is the other process's alone.
    let ran = unsafe { os::run_apart(at(buffers_at), run, (&raw mut task).cast()) };
    let report = task.report;
    // What was read, and the windows, go back to the kernel, which blanks them.
    os::unmap(start, size);
    ran.map(|()| report)
}

/// The other process's whole life.
extern "C" fn run(task: *mut c_void) -> i32 {
    // SAFETY: `search` made the task for this call, and waits for its end.
    let Task { pattern, own, stack, buffers, entries, filter, report } =
        unsafe { &mut *task.cast::<Task<'_>>() };
    let windows = Windows::new(entries, filter, pattern);
    report.window_count = windows.count;
    let Buffers { maps, piece, around } = &mut **buffers;
    let mut seeker = Seeker {
        windows,
        pattern,
        own: own.clone(),
        stack: *stack,
        piece,
        kept: 0,
        next: 0,
        around,
        report,
    };
    seeker.report.is_done = maps::each(maps, |mapping| seeker.mapping(mapping));
    0
}

struct Seeker<'d> {
    windows: Windows<'d>,
    pattern: &'d [u8],
    own: Range<usize>,
    stack: usize,
    /// Memory as it was read, after the last bytes of what was read before.
    piece: &'d mut [u8],
    kept: usize,
    /// Where the memory goes on that was read last.
    next: usize,
    around: &'d mut blocks::Around,
    report: &'d mut Report,
}

impl Seeker<'_> {
    fn mapping(&mut self, mapping: &Mapping<'_>) {
        if !mapping.is_readable || mapping.is_kernels() {
            return;
        }
        // Neighbours may have been put together with what is the search's own.
        let before = mapping.start..mapping.end.min(self.own.start);
        let behind = mapping.start.max(self.own.end)..mapping.end;
        for Range { start, end } in [before, behind] {
            if start >= end {
            } else if mapping.is_shared {
                // What nobody has touched here, others may have.
                self.range(mapping, start, end);
            } else {
                // Where the kernel does not tell, that is all of it.
                touched::each(start, end - start, |offset, size| {
                    self.range(mapping, start + offset, start + offset + size);
                });
            }
        }
    }

    fn range(&mut self, mapping: &Mapping<'_>, start: usize, end: usize) {
        let mut address = start;
        if address != self.next {
            self.kept = 0;
        }
        while address < end {
            let wanted = (end - address).min(self.piece.len() - self.kept);
            let place = self.piece.get_mut(self.kept..self.kept + wanted).unwrap_or(&mut []);
            match os::read_memory(address, place) {
                Ok(size) if size > 0 => {
                    let whole = self.kept + size;
                    self.look(mapping, address - self.kept, whole);
                    self.report.searched_size += size as u64;
                    address += size;
                    self.kept = whole.min(WINDOW_SIZE - 1);
                    self.piece.copy_within(whole - self.kept..whole, 0);
                }
                other => {
                    if let Err(error) = other {
                        self.report.error = error.raw_os_error().unwrap_or(0);
                    }
                    let page_end = (address + 1).next_multiple_of(os::page_size()).min(end);
                    self.unreadable(mapping, address, page_end);
                    address = page_end;
                    self.kept = 0;
                }
            }
        }
        self.next = address;
    }

    /// Looks at the piece, of which `size` bytes stand at `base`.
    fn look(&mut self, mapping: &Mapping<'_>, base: usize, size: usize) {
        let slice = self.pattern.as_ptr().addr()..self.pattern.as_ptr().addr() + self.pattern.len();
        let mut at = 0;
        while let Some(&window) = self.piece.get(at..size).and_then(<[u8]>::first_chunk) {
            let window = u64::from_le_bytes(window);
            if window == 0 && self.piece.get(at..(at + 32).min(size)) == Some(&[0; 32]) {
                at += 33 - WINDOW_SIZE;
                continue;
            }
            let Some(offset) = self.windows.find(window) else {
                at += 1;
                continue;
            };
            let address = base + at;
            if slice.contains(&address) && address + WINDOW_SIZE <= slice.end {
                // The caller's own copy.
                at = slice.end - WINDOW_SIZE + 1 - base;
                continue;
            }
            let here = self.piece.get(at..size).unwrap_or(&[]).iter();
            let alike = here.zip(self.pattern.iter().skip(offset)).take_while(|(a, b)| a == b);
            let run = alike.count();
            self.found(mapping, address, run, offset);
            at += run + 1 - WINDOW_SIZE;
        }
    }

    fn found(&mut self, mapping: &Mapping<'_>, address: usize, size: usize, offset: usize) {
        let found = &mut self.report.found;
        let last = &found.last;
        let goes_on = found.count > 0
            && (last.address..=last.end()).contains(&address)
            && last.offset + (address - last.address) == offset;
        if goes_on {
            // A run that the end of a piece had cut.
            found.extend(address + size);
            return;
        }
        let block =
            if found.count < JUDGED_MAX { blocks::around(address, self.around) } else { None };
        let piece = self.piece_of(mapping, address, size);
        self.report.found.add(Piece { offset, block, ..piece });
    }

    fn unreadable(&mut self, mapping: &Mapping<'_>, start: usize, end: usize) {
        let piece = self.piece_of(mapping, start, end - start);
        let unreadable = &mut self.report.unreadable;
        if unreadable.count > 0 && unreadable.last.end() == start {
            unreadable.extend(end);
        } else {
            unreadable.add(piece);
        }
    }

    fn piece_of(&self, mapping: &Mapping<'_>, address: usize, size: usize) -> Piece {
        let kind = if (mapping.start..mapping.end).contains(&self.stack) {
            Kind::Stack
        } else if !mapping.path.is_empty() {
            Kind::Named
        } else if mapped::contains(ptr::without_provenance_mut(address)) {
            Kind::LargeBlock
        } else {
            Kind::Anonymous
        };
        let mut piece = Piece { address, size, kind, ..Piece::EMPTY };
        for (place, &byte) in piece.path.iter_mut().zip(mapping.path) {
            *place = byte;
        }
        piece.path_size = mapping.path.len().min(PATH_SIZE);
        piece
    }
}
