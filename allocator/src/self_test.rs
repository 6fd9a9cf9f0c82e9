//! A test of wiping that a program runs in its own build: blocks are filled,
//! released, and then their very memory is looked at.

use core::alloc::Layout;
use core::fmt;
use core::ops::Range;
use std::alloc;
use std::error::Error;
use std::io;
use std::thread;

use crate::config::Wipe;
use crate::limits::{MAPPED_GROWTH_MIN, MAPPED_MIN, TOUCHED_ASKED_MIN, TRAILER_SIZE};
use crate::tag::Tag;
use crate::trailer::{self, Trailer};
use crate::{os, store};

/// A block of it goes back to the kernel as whole pages where it can.
static PUBLIC: Tag = Tag::new("scrubjay/self-test/public");
/// A block of it is always overwritten first.
static SECRET: Tag = Tag::new("scrubjay/self-test/secret").secret();

/// How blocks were released, and what was looked at then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReleasePath {
    /// Freed: the block.
    Free,
    /// Freed by another thread: the block.
    FreeElsewhere,
    /// Moved by a realloc to a greater size: the old block.
    Grow,
    /// Shrunk by a realloc: the tail, or the old block if it moved.
    Shrink,
}

impl ReleasePath {
    const ALL: [Self; 4] = [Self::Free, Self::FreeElsewhere, Self::Grow, Self::Shrink];
}

impl fmt::Display for ReleasePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Free => "freed",
            Self::FreeElsewhere => "freed by another thread",
            Self::Grow => "grown by a realloc",
            Self::Shrink => "shrunk by a realloc",
        })
    }
}

/// A block that still held a part of what was written in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftBehind {
    /// The block's size in bytes.
    pub size: usize,
    /// Its alignment.
    pub align: usize,
    /// Whether its tag was secret.
    pub is_secret: bool,
    /// How it was released.
    pub path: ReleasePath,
    /// How many bytes were left, in runs of 8 and more.
    pub left_size: usize,
}

/// What was tried where nothing was left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SelfTest {
    /// How many blocks were filled and released.
    pub block_count: usize,
    /// How many bytes were looked at after their release.
    pub looked_at_size: u64,
    /// How many of these were not there any more: back with the kernel.
    pub unmapped_size: u64,
}

/// Why wiping is not proven.
#[derive(Debug)]
#[non_exhaustive]
pub enum SelfTestError {
    /// Blocks held a part of what was written in them.
    Residue(Vec<LeftBehind>),
    /// The policy is not [`Wipe::All`], so untagged blocks are not wiped; with
    /// what was left behind.
    Policy(Wipe, Vec<LeftBehind>),
    /// The program's global allocator is another one.
    NotGlobal,
    /// No memory for a block of this size.
    Refused(usize),
    /// The system refused: memory cannot be looked at, or no thread be started.
    System(io::Error),
}

impl fmt::Display for SelfTestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = match self {
            Self::Residue(left) => {
                write!(out, "{} released blocks were not wiped", left.len())?;
                left
            }
            Self::Policy(policy, left) => {
                let policy = if *policy == Wipe::Off { "off" } else { "tagged" };
                write!(
                    out,
                    "the policy is {policy}: {} released blocks were not wiped",
                    left.len()
                )?;
                left
            }
            Self::NotGlobal => return out.write_str("scrubjay is not the global allocator"),
            Self::Refused(size) => return write!(out, "no memory for a block of {size} bytes"),
            Self::System(error) => return write!(out, "the system refused: {error}"),
        };
        const SHOWN: usize = 10;
        for block in left.iter().take(SHOWN) {
            write!(out, "\n  {block}")?;
        }
        match left.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(out, "\n  and {more} more"),
        }
    }
}

impl Error for SelfTestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for LeftBehind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, align, is_secret, path, left_size } = self;
        let class = if *is_secret { "secret" } else { "public" };
        write!(out, "{left_size} bytes of a {class} block of {size}, aligned to {align}, {path}")
    }
}

/// How much memory is looked at at a time, in bytes.
const PIECE_SIZE: usize = 16 << 10;

/// Size and alignment: the classes of small blocks, those above, what the inner
/// allocator would map, what is mapped here, and what is aligned beyond the
/// usual. Below 24 bytes the inner allocator's own words overwrite a block.
const LAYOUTS: [(usize, usize); 22] = [
    (24, 8),
    (40, 8),
    (64, 8),
    (100, 1),
    (256, 8),
    (1000, 1),
    (1032, 8),
    (4096, 8),
    (10_000, 4),
    (65_536, 8),
    (135_160, 8),
    (400_000, 8),
    (MAPPED_GROWTH_MIN, 8),
    (MAPPED_GROWTH_MIN + 4100, 8),
    (TOUCHED_ASKED_MIN, 8),
    (TOUCHED_ASKED_MIN + 123, 1),
    (MAPPED_MIN, 8),
    (MAPPED_MIN + 5000, 8),
    (48, 64),
    (1000, 256),
    (8192, 4096),
    (300_000, 65_536),
];

/// Tests in the running program, with its own allocator, settings and build,
/// whether released blocks keep what was written in them. Blocks of all kinds
/// of sizes are filled with random bytes, found in memory so (else the test
/// would be blind), released by each path, and looked at again. Takes about a
/// second and 100 MiB, and leaves its tags `scrubjay/self-test/…` in the ledger.
///
/// What other threads do does not matter: memory that they have taken over
/// meanwhile does not hold the random bytes.
///
/// ```
/// use scrubjay::Scrubjay;
///
/// #[global_allocator]
/// static ALLOCATOR: Scrubjay = Scrubjay::new();
///
/// let proof = scrubjay::wipe_self_test().unwrap();
/// assert!(proof.block_count > 100);
/// ```
///
/// # Errors
/// If something was left behind, if the policy does not wipe every block, if
/// another allocator is the program's, or if memory cannot be looked at.
pub fn wipe_self_test() -> Result<SelfTest, SelfTestError> {
    if !is_global()? {
        return Err(SelfTestError::NotGlobal);
    }
    let mut test = SelfTest::default();
    let mut left = Vec::new();
    for tag in [&PUBLIC, &SECRET] {
        for &(size, align) in &LAYOUTS {
            for path in ReleasePath::ALL {
                let Ok(layout) = Layout::from_size_align(size, align) else { continue };
                let left_size = test.release(tag, layout, path)?;
                let is_secret = tag.name() == SECRET.name();
                if left_size > 0 {
                    left.push(LeftBehind { size, align, is_secret, path, left_size });
                }
            }
        }
    }
    match store::current().map_or(Wipe::All, |store| store.config().wipe) {
        Wipe::All if left.is_empty() => Ok(test),
        Wipe::All => Err(SelfTestError::Residue(left)),
        policy => Err(SelfTestError::Policy(policy, left)),
    }
}

/// Whether a block of the global allocator has a trailer of ours.
fn is_global() -> Result<bool, SelfTestError> {
    let block = Block::new(Layout::new::<[u64; 4]>())?;
    let mut behind = [0; TRAILER_SIZE];
    // Whose block it is stands to be found out, so what is behind it may not be
    // there.
    let read = os::read_memory(block.address() + block.layout.size(), &mut behind);
    let found = trailer::judge(block.address(), behind);
    block.free();
    read.map_err(SelfTestError::System)?;
    Ok(matches!(found, Trailer::Live { .. }))
}

impl SelfTest {
    /// Releases a block by a path; how much was left behind.
    fn release(
        &mut self,
        tag: &'static Tag,
        layout: Layout,
        path: ReleasePath,
    ) -> Result<usize, SelfTestError> {
        let _scope = tag.enter();
        let block = Block::new(layout)?;
        let (content, size) = (block.content(), layout.size());
        if content.look(0..size)?.seen != size {
            let blind = "not even a live block's content is found";
            return Err(SelfTestError::System(io::Error::other(blind)));
        }
        let (gone, rest) = match path {
            ReleasePath::Free => {
                block.free();
                (0..size, None)
            }
            ReleasePath::FreeElsewhere => {
                block.free_elsewhere()?;
                (0..size, None)
            }
            ReleasePath::Grow => {
                let grown = block.resize(2 * size + 64)?;
                let stayed = grown.address() == content.address;
                (if stayed { size..size } else { 0..size }, Some(grown))
            }
            ReleasePath::Shrink => {
                let shrunk = block.resize(size / 3)?;
                let stayed = shrunk.address() == content.address;
                (if stayed { size / 3..size } else { 0..size }, Some(shrunk))
            }
        };
        let looked = content.look(gone.clone());
        if let Some(rest) = rest {
            rest.free();
        }
        let looked = looked?;
        self.block_count += 1;
        self.looked_at_size += gone.len() as u64;
        self.unmapped_size += looked.unmapped as u64;
        Ok(looked.seen)
    }
}

/// A block of the program's global allocator, full of random bytes.
struct Block {
    start: *mut u8,
    layout: Layout,
    /// What the bytes depend on.
    key: u64,
}

// SAFETY: the block belongs to whoever has this.
unsafe impl Send for Block {}

impl Block {
    fn new(layout: Layout) -> Result<Self, SelfTestError> {
        // SAFETY: no layout here has the size 0.
        let start = core::hint::black_box(unsafe { alloc::alloc(layout) });
        if start.is_null() {
            return Err(SelfTestError::Refused(layout.size()));
        }
        let key = os::random();
        for offset in (0..layout.size()).step_by(8) {
            let word = word_at(key, offset).to_le_bytes();
            let size = (layout.size() - offset).min(8);
            // SAFETY: the offset is within the block.
            let place = unsafe { start.add(offset) };
            // SAFETY: so many bytes are left of it.
            unsafe { place.copy_from_nonoverlapping(word.as_ptr(), size) };
        }
        Ok(Self { start, layout, key })
    }

    fn address(&self) -> usize {
        self.start.addr()
    }

    fn content(&self) -> Content {
        Content { address: self.address(), key: self.key }
    }

    fn free(self) {
        // SAFETY: allocated with this layout, and nobody else has it.
        unsafe { alloc::dealloc(self.start, self.layout) };
    }

    fn free_elsewhere(self) -> Result<(), SelfTestError> {
        let freed = thread::Builder::new().spawn(move || self.free());
        let ended = freed.map_err(SelfTestError::System)?.join();
        ended.map_err(|_| SelfTestError::System(io::Error::other("a thread panicked")))
    }

    fn resize(self, size: usize) -> Result<Self, SelfTestError> {
        let layout = Layout::from_size_align(size, self.layout.align());
        let layout = layout.map_err(|_| SelfTestError::Refused(size))?;
        // SAFETY: as for `free`, and the layout of this size is valid.
        let start = unsafe { alloc::realloc(self.start, self.layout, size) };
        let start = core::hint::black_box(start);
        if start.is_null() {
            self.free();
            return Err(SelfTestError::Refused(size));
        }
        Ok(Self { start, layout, ..self })
    }
}

/// What was written in a block, wherever the block is by now.
#[derive(Clone, Copy)]
struct Content {
    address: usize,
    key: u64,
}

/// How much of a content there is.
#[derive(Default)]
struct Looked {
    /// Bytes in runs of 8 and more that are where they were.
    seen: usize,
    /// Bytes whose pages are not there.
    unmapped: usize,
}

impl Content {
    /// Looks at a part of the memory, whoever has it.
    fn look(&self, part: Range<usize>) -> Result<Looked, SelfTestError> {
        let mut looked = Looked::default();
        let mut run = Run::default();
        let mut bytes = [0; PIECE_SIZE];
        let mut offset = part.start;
        while offset < part.end {
            let wanted = (part.end - offset).min(PIECE_SIZE);
            let address = self.address + offset;
            match os::read_memory(address, &mut bytes[..wanted]) {
                Ok(size) if size > 0 => {
                    self.compare(offset, &bytes[..size], &mut run);
                    offset += size;
                }
                Err(error) if error.raw_os_error() != Some(libc::EFAULT) => {
                    return Err(SelfTestError::System(error));
                }
                Ok(_) | Err(_) => {
                    let page_end = (address + 1).next_multiple_of(os::page_size());
                    let size = (page_end - address).min(part.end - offset);
                    run.end();
                    looked.unmapped += size;
                    offset += size;
                }
            }
        }
        run.end();
        looked.seen = run.total;
        Ok(looked)
    }

    fn compare(&self, offset: usize, bytes: &[u8], run: &mut Run) {
        for (at, bytes) in (offset..).step_by(8).zip(bytes.chunks(8)) {
            let expected = word_at(self.key, at).to_le_bytes();
            if *bytes == expected {
                run.size += 8;
                continue;
            }
            for (found, expected) in bytes.iter().zip(expected) {
                if *found == expected { run.size += 1 } else { run.end() }
            }
        }
    }
}

/// Bytes alike, one after the other.
#[derive(Default)]
struct Run {
    size: usize,
    /// Those of earlier runs that were long enough.
    total: usize,
}

impl Run {
    /// Fewer than 8 bytes may be alike by chance.
    fn end(&mut self) {
        self.total += if self.size < 8 { 0 } else { self.size };
        self.size = 0;
    }
}

/// The 8 bytes at an offset.
fn word_at(key: u64, offset: usize) -> u64 {
    let (number, shift) = ((offset / 8) as u64, 8 * (offset % 8) as u32);
    match shift {
        0 => word(key, number),
        _ => word(key, number) >> shift | word(key, number + 1) << (64 - shift),
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
fn word(key: u64, number: u64) -> u64 {
    let mut z = key.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_global_allocator_is_no_pass() {
        // Unit tests run on the system's own.
        assert!(matches!(wipe_self_test(), Err(SelfTestError::NotGlobal)));
    }

    #[test]
    fn runs_of_the_content_count_from_8_bytes_on() {
        let key = 7;
        let whole: Vec<u8> =
            (0..64).step_by(8).flat_map(|offset| word_at(key, offset).to_le_bytes()).collect();
        let content = Content { address: 0, key };
        let seen = |from: usize, changed: &[usize]| {
            let mut bytes = whole.clone();
            changed.iter().for_each(|&at| bytes[at] ^= 1);
            let mut run = Run::default();
            content.compare(from, &bytes[from..], &mut run);
            run.end();
            run.total
        };
        assert_eq!(seen(0, &[]), 64);
        assert_eq!(seen(13, &[]), 51);
        assert_eq!(seen(0, &[7]), 56);
        assert_eq!(seen(0, &[8, 16]), 8 + 47);
        assert_eq!(seen(0, &[8, 17]), 8 + 8 + 46);
    }
}
