//! A search of this process's memory for a pattern, for tests: is anything left
//! of what was released?

mod blocks;
mod search;
mod windows;

use core::fmt;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::control::control;
use crate::line::Line;
use crate::{site, tag};
use search::{Kind, Piece, Pieces, Report};
use windows::WINDOW_SIZE;

/// A piece of the pattern that stands in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Residue {
    /// Where it stands.
    pub address: usize,
    /// How many bytes of the pattern stand there one after the other, 8 at
    /// least.
    pub size: usize,
    /// Where in the pattern they begin.
    pub offset: usize,
    /// What the memory belongs to.
    pub place: Place,
    /// The block that it is in, where the block's trailer tells: none for
    /// memory that is no block of this allocator, or none within 16 KiB.
    pub block: Option<ResidueBlock>,
}

/// What a piece of memory belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The C library's heap.
    Heap,
    /// The stack of the calling thread, or of the first one. The stacks of
    /// others look as anonymous memory does.
    Stack,
    /// A large block, in a mapping of its own.
    LargeBlock,
    /// A file, the program's own among them.
    File(PathBuf),
    /// Memory without a name: more of the heap, other threads' stacks, and
    /// whatever the program maps.
    Anonymous,
}

/// A block of this allocator's, as its trailer tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResidueBlock {
    /// Where it begins.
    pub address: usize,
    /// Its size in bytes.
    pub size: usize,
    /// The name of its tag.
    pub tag: &'static str,
    /// Whether it lives; if not, it was released.
    pub is_live: bool,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResidueSearch {
    /// The pieces of the pattern, by address; the first 64 of them.
    pub found: Vec<Residue>,
    /// How many there are.
    pub found_count: usize,
    /// Memory that nobody can read so, as `memfd_secret`'s: where, how many
    /// bytes, and what it belongs to; the first 64 ranges.
    pub unreadable: Vec<(usize, usize, Place)>,
    /// How many bytes it has.
    pub unreadable_size: u64,
    /// How many bytes were looked at.
    pub searched_size: u64,
    pattern_size: usize,
}

/// Searches all memory of this process for a pattern, at any alignment.
///
/// What counts is every run of 8 bytes of the pattern, since of a released
/// block a part may be overwritten and the rest not. So take a pattern that
/// stands nowhere else: random bytes, or text without common words. Runs with
/// fewer than 5 different bytes are not looked for.
///
/// The caller's own slice is left out, and nothing else of the program's: other
/// copies, in live blocks, on stacks, in the program's file, are found. The
/// search leaves no copy behind and takes nothing from the heap before it has
/// ended: it runs on memory of its own, beside the calling thread, which waits.
/// Other threads go on; what they move meanwhile may be missed, or found twice.
/// One search runs at a time.
///
/// Memory that was never touched, and the kernel's own pages, are not read.
///
/// # Errors
/// A pattern of fewer than 8 bytes, or without a run that tells something; or
/// a system that refuses (it takes `process_vm_readv` of one's own memory).
pub fn find_residue(pattern: &[u8]) -> io::Result<ResidueSearch> {
    let senseless = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if pattern.len() < WINDOW_SIZE {
        return senseless("a pattern of fewer than 8 bytes stands everywhere");
    }
    let guard = control().searches.wait();
    let stack = (&raw const guard).addr();
    let report = search::search(pattern, stack);
    // Before anything is allocated, for which the program's allocator is asked.
    drop(guard);
    let report = report?;
    if !report.is_done {
        return Err(io::Error::other("the search did not come to its end"));
    }
    if report.window_count == 0 {
        return senseless("no 8 bytes of the pattern have 5 different values");
    }
    if report.searched_size == 0 {
        return Err(io::Error::from_raw_os_error(report.error));
    }
    Ok(ResidueSearch::new(&report, pattern.len()))
}

/// Fails a test if anything of a pattern is left in this process's memory but
/// the slice itself; see [`find_residue`] for what is searched, and how. What
/// could not be read is said on standard error.
///
/// All memory is more than what an allocator reaches: functions that returned
/// leave copies on the stack, of registers too. [`crate::scrub_stack`], called
/// from the function that called for the work, overwrites them. Whoever asks
/// about blocks alone leaves out what [`find_residue`] finds in [`Place::Stack`].
///
/// ```
/// use std::fs::File;
/// use std::io::Read;
///
/// use scrubjay::{Scrubjay, assert_no_residue};
///
/// #[global_allocator]
/// static ALLOCATOR: Scrubjay = Scrubjay::new();
///
/// // Random bytes that only the kernel has had in its hands: most other ways
/// // to make them leave copies on the stack.
/// let mut pattern = vec![0; 256];
/// File::open("/dev/urandom").unwrap().read_exact(&mut pattern).unwrap();
///
/// #[inline(never)]
/// fn work(pattern: &[u8]) {
///     let mut secret = Vec::new();
///     for &byte in pattern {
///         secret.push(byte); // grows, and moves, several times
///     }
/// }
///
/// work(&pattern);
/// scrubjay::scrub_stack(usize::MAX);
/// assert_no_residue(&pattern);
/// ```
///
/// # Panics
/// If something is found, with each place: its address, what the memory belongs
/// to, and the block, where that can be told. If memory cannot be searched.
#[track_caller]
#[expect(clippy::panic, reason = "that is how a test fails")]
pub fn assert_no_residue(pattern: &[u8]) {
    let search = match find_residue(pattern) {
        Ok(search) => search,
        Err(error) => panic!("memory cannot be searched: {error}"),
    };
    if search.found_count > 0 {
        panic!("{search}");
    }
    if let Some((address, _, place)) = search.unreadable.first() {
        let line = Line::new().number(search.unreadable_size).text(" bytes could not be searched");
        line.text(", first in ").text(&place.to_string()).text(" at ").address(*address).say();
    }
}

impl ResidueSearch {
    fn new(report: &Report, pattern_size: usize) -> Self {
        let unreadable = |piece: &Piece| (piece.address, piece.size, Place::of(piece));
        let of = |pieces: &Pieces| pieces.kept().iter().map(Residue::new).collect();
        Self {
            found: of(&report.found),
            found_count: report.found.count,
            unreadable: report.unreadable.kept().iter().map(unreadable).collect(),
            unreadable_size: report.unreadable.size,
            searched_size: report.searched_size,
            pattern_size,
        }
    }
}

impl Residue {
    fn new(piece: &Piece) -> Self {
        let block = piece.block.map(|block| ResidueBlock {
            address: block.address,
            size: block.size,
            tag: tag::name_or_unknown(site::tag_of(block.site)),
            is_live: block.is_live,
        });
        let Piece { address, size, offset, .. } = *piece;
        Self { address, size, offset, place: Place::of(piece), block }
    }
}

impl Place {
    fn of(piece: &Piece) -> Self {
        match (piece.kind, piece.path()) {
            (Kind::Stack, _) | (_, b"[stack]") => Self::Stack,
            (_, b"[heap]") => Self::Heap,
            (Kind::LargeBlock, _) => Self::LargeBlock,
            (Kind::Anonymous, _) => Self::Anonymous,
            (Kind::Named, path) => Self::File(OsStr::from_bytes(path).into()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heap => out.write_str("the heap"),
            Self::Stack => out.write_str("the stack"),
            Self::LargeBlock => out.write_str("a large block's mapping"),
            Self::File(path) => write!(out, "{}", path.display()),
            Self::Anonymous => out.write_str("anonymous memory"),
        }
    }
}

impl fmt::Display for Residue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, size, offset, place, block } = self;
        write!(out, "{size} bytes, from byte {offset}, at {address:#x} in {place}")?;
        let Some(block) = block else { return Ok(()) };
        let state = if block.is_live { "live" } else { "released" };
        write!(out, ", in a {state} block of {} bytes of tag {}", block.size, block.tag)
    }
}

impl fmt::Display for ResidueSearch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places =
            if self.found_count == 1 { "place in memory holds" } else { "places in memory hold" };
        write!(
            out,
            "{} {places} a part of the pattern of {} bytes",
            self.found_count, self.pattern_size
        )?;
        for residue in &self.found {
            write!(out, "\n  {residue}")?;
        }
        let more = self.found_count - self.found.len();
        if more > 0 {
            write!(out, "\n  and {more} more")?;
        }
        if self.unreadable_size > 0 {
            write!(
                out,
                "\n  not searched, since it cannot be read: {} bytes",
                self.unreadable_size
            )?;
        }
        for (address, size, place) in &self.unreadable {
            write!(out, "\n  {size} bytes at {address:#x} in {place}")?;
        }
        Ok(())
    }
}
