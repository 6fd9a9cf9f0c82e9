//! The header that makes a chunk decodable alone.

use crate::FormatError;
use crate::bytes::{put, u16_at, u32_at, u64_at};

/// Size of the header in bytes; records follow at once.
pub const HEADER_SIZE: usize = 64;
/// First word of a chunk, stored last: a chunk without it is not there yet.
pub const MAGIC: u32 = u32::from_le_bytes(*b"jay:");
/// The word that says a chunk is sealed: it does not change any more and
/// [`ChunkHeader::payload_checksum`] covers all its records.
pub const SEALED: u32 = u32::from_le_bytes(*b"seal");
/// The word in its place that says a chunk of the journal is being overwritten
/// by a ring: its records do not count any more, see [`is_going`].
pub const GOING: u32 = u32::from_le_bytes(*b"gone");

const CHECKED_SIZE: usize = 48;
/// Where the header's checksum stands.
pub const CHECKSUM_AT: usize = 48;
/// Where the word stands that becomes [`SEALED`], stored after the checksum.
pub const SEALED_AT: usize = 52;
/// Where the records' checksum stands.
pub const PAYLOAD_CHECKSUM_AT: usize = 56;

/// What a chunk holds. Kinds that a reader does not know it can skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum ChunkKind {
    /// [`crate::tag`] declarations.
    Tags = 1,
    /// [`crate::tag`] totals.
    TagTotals = 2,
    /// [`crate::thread`] slots.
    Threads = 3,
    /// Pages of [`crate::cell`]s.
    Cells = 4,
    /// The cells' values when a late log began; record for record beside
    /// [`ChunkKind::Cells`].
    BaseCells = 5,
    /// Moments of [`crate::frame`]s.
    Frames = 6,
    /// Rows of frames: live bytes of one group of tags.
    FrameRows = 7,
    /// [`crate::event`]s of one thread slot.
    Journal = 8,
    /// The [`crate::registry`] of live blocks of watched tags.
    Registry = 9,
    /// Nodes of the tree of [`crate::stack`]s.
    Stacks = 16,
    /// Declarations of [`crate::site`]s.
    Sites = 17,
    /// Reserved: owners.
    Owners = 18,
    /// Loaded [`crate::module`]s.
    Modules = 19,
    /// [`crate::note`]s that the program adds.
    Notes = 20,
    /// Counters of [`crate::site`]s.
    SiteCounters = 21,
    /// Pages of threads' caches of [`crate::site`]s.
    SiteCaches = 22,
    /// Symbols of frames, for a log that is read without the binaries.
    Symbols = 23,
    /// What was live of each site at [`crate::peak`]s.
    SitePeaks = 24,
    /// When the sites of each tag were noted at its own [`crate::peak`].
    TagPeaks = 25,
    /// How live blocks are held, by the last [`crate::scan`]s.
    Scans = 26,
    /// What the kernel says of the process: [`crate::vitals`].
    Vitals = 27,
    /// Budgets, see [`crate::pressure`].
    Budgets = 28,
    /// What happened to them, see [`crate::pressure`].
    PressureEvents = 30,
    /// Memory that no allocator sees, see [`crate::external`].
    External = 31,
}

impl ChunkKind {
    /// The kind with this number; `None` for one that this version does not
    /// know.
    pub fn from_number(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Tags,
            2 => Self::TagTotals,
            3 => Self::Threads,
            4 => Self::Cells,
            5 => Self::BaseCells,
            6 => Self::Frames,
            7 => Self::FrameRows,
            8 => Self::Journal,
            9 => Self::Registry,
            16 => Self::Stacks,
            17 => Self::Sites,
            18 => Self::Owners,
            19 => Self::Modules,
            20 => Self::Notes,
            21 => Self::SiteCounters,
            22 => Self::SiteCaches,
            23 => Self::Symbols,
            24 => Self::SitePeaks,
            25 => Self::TagPeaks,
            26 => Self::Scans,
            27 => Self::Vitals,
            28 => Self::Budgets,
            30 => Self::PressureEvents,
            31 => Self::External,
            _ => return None,
        })
    }

    /// The kind's name in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::TagTotals => "tag-totals",
            Self::Threads => "threads",
            Self::Cells => "cells",
            Self::BaseCells => "base-cells",
            Self::Frames => "frames",
            Self::FrameRows => "frame-rows",
            Self::Journal => "journal",
            Self::Registry => "registry",
            Self::Stacks => "stacks",
            Self::Sites => "sites",
            Self::Owners => "owners",
            Self::Modules => "modules",
            Self::Notes => "notes",
            Self::SiteCounters => "site-counters",
            Self::SiteCaches => "site-caches",
            Self::Symbols => "symbols",
            Self::SitePeaks => "site-peaks",
            Self::TagPeaks => "tag-peaks",
            Self::Scans => "scans",
            Self::Vitals => "vitals",
            Self::Budgets => "budgets",
            Self::PressureEvents => "pressure events",
            Self::External => "external memory",
        }
    }
}

/// The header's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHeader {
    /// Number of the kind; see [`ChunkKind::from_number`].
    pub kind: u16,
    /// The chunk's place in the file, in chunks.
    pub index: u32,
    /// Journal: the thread slot. Others: index of the first record.
    pub owner: u32,
    /// Journal: number of the chunk among its slot's, from 0. Others: 0.
    pub sequence: u64,
    /// Journal: number of the thread that began the chunk, unique in the
    /// process; a [`crate::EventKind::Thread`] event names the next one.
    pub thread: u64,
    /// When the chunk was begun, in ticks; an event counts from here.
    pub base_ticks: u64,
    /// Journal: how many events the slot had before this chunk.
    pub first_event: u64,
    /// The records' checksum, once sealed.
    pub payload_checksum: Option<u32>,
}

impl ChunkHeader {
    /// The header's bytes, unsealed. Whoever maps the file stores the first
    /// four of them last.
    pub fn encode(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        put(&mut bytes, 0, &MAGIC.to_le_bytes());
        put(&mut bytes, 4, &self.kind.to_le_bytes());
        put(&mut bytes, 8, &self.index.to_le_bytes());
        put(&mut bytes, 12, &self.owner.to_le_bytes());
        put(&mut bytes, 16, &self.sequence.to_le_bytes());
        put(&mut bytes, 24, &self.thread.to_le_bytes());
        put(&mut bytes, 32, &self.base_ticks.to_le_bytes());
        put(&mut bytes, 40, &self.first_event.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..CHECKED_SIZE]);
        put(&mut bytes, CHECKSUM_AT, &checksum.to_le_bytes());
        if let Some(checksum) = self.payload_checksum {
            put(&mut bytes, SEALED_AT, &SEALED.to_le_bytes());
            put(&mut bytes, PAYLOAD_CHECKSUM_AT, &checksum.to_le_bytes());
        }
        bytes
    }

    /// Reads the header of the chunk at place `index`; `Ok(None)` where no
    /// chunk has been begun (the header is all zero).
    ///
    /// # Errors
    /// Anything else than a whole header or zeros.
    pub fn decode(bytes: &[u8], index: u32) -> Result<Option<Self>, FormatError> {
        let truncated = FormatError::Truncated { needed: HEADER_SIZE, found: bytes.len() };
        let bytes = bytes.get(..HEADER_SIZE).ok_or(truncated)?;
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        let u32 = |at| u32_at(bytes, at).ok_or(truncated);
        let u64 = |at| u64_at(bytes, at).ok_or(truncated);
        // A header in the making has everything but its first word.
        let mut whole = [0; CHECKED_SIZE];
        whole.copy_from_slice(&bytes[..CHECKED_SIZE]);
        let in_the_making = u32(0)? == 0;
        put(&mut whole, 0, &MAGIC.to_le_bytes());
        let stored = u32(CHECKSUM_AT)?;
        let computed = crc32fast::hash(&whole);
        if in_the_making && (stored == computed || stored == 0) {
            return Ok(None);
        }
        if u32(0)? != MAGIC {
            return Err(FormatError::Magic);
        }
        if stored != computed {
            return Err(FormatError::Checksum { stored, computed });
        }
        let stored_index = u32(8)?;
        if stored_index != index {
            return Err(FormatError::Misplaced { stored: stored_index, found: index });
        }
        let payload_checksum = match u32(SEALED_AT)? {
            0 => None,
            SEALED => Some(u32(PAYLOAD_CHECKSUM_AT)?),
            GOING => Some(u32(PAYLOAD_CHECKSUM_AT)?).filter(|&checksum| checksum != 0),
            value => return Err(FormatError::Value { field: "seal", value: value.into() }),
        };
        if u32(60)? != 0 {
            return Err(FormatError::Value { field: "reserved word", value: u32(60)?.into() });
        }
        Ok(Some(Self {
            kind: u16_at(bytes, 4).ok_or(truncated)?,
            index,
            owner: u32(12)?,
            sequence: u64(16)?,
            thread: u64(24)?,
            base_ticks: u64(32)?,
            first_event: u64(40)?,
            payload_checksum,
        }))
    }
}

/// Whether a chunk is being overwritten by a ring. Where it has a header still,
/// its records are there, but are about to be counted as dropped; else they
/// mean nothing.
pub fn is_going(bytes: &[u8]) -> bool {
    u32_at(bytes, SEALED_AT) == Some(GOING)
}

/// The checksum of a chunk's records: all bytes behind the header.
pub fn payload_checksum(chunk: &[u8]) -> u32 {
    crc32fast::hash(chunk.get(HEADER_SIZE..).unwrap_or(&[]))
}

/// How many records of `record_size` bytes fit in a chunk.
pub const fn records_per_chunk(chunk_size: u32, record_size: usize) -> usize {
    (chunk_size as usize - HEADER_SIZE) / record_size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> ChunkHeader {
        ChunkHeader {
            kind: ChunkKind::Journal as u16,
            index: 3,
            owner: 1,
            sequence: 4,
            thread: 2,
            base_ticks: 99,
            first_event: 1000,
            payload_checksum: Some(0xABCD_EF01),
        }
    }

    #[test]
    fn a_header_in_the_making_is_no_chunk_yet() {
        let mut bytes = header().encode();
        bytes[..4].fill(0);
        assert_eq!(ChunkHeader::decode(&bytes, 3), Ok(None));
        // Before its checksum as well.
        bytes[CHECKSUM_AT..CHECKSUM_AT + 4].fill(0);
        assert_eq!(ChunkHeader::decode(&bytes, 3), Ok(None));
    }

    #[test]
    fn a_chunk_that_is_overwritten_says_so_in_each_step() {
        let put_word = |bytes: &mut [u8; HEADER_SIZE], at: usize, word: u32| {
            put(bytes, at, &word.to_le_bytes());
        };
        let mut bytes = header().encode();
        assert!(!is_going(&bytes));
        put_word(&mut bytes, SEALED_AT, GOING);
        assert_eq!(ChunkHeader::decode(&bytes, 3), Ok(Some(header())));
        assert!(is_going(&bytes));
        // A chunk that was never sealed.
        let mut open = bytes;
        put_word(&mut open, PAYLOAD_CHECKSUM_AT, 0);
        let read = ChunkHeader::decode(&open, 3).unwrap().unwrap();
        assert_eq!(read.payload_checksum, None);
        // Counted.
        put_word(&mut bytes, 0, 0);
        assert_eq!((ChunkHeader::decode(&bytes, 3), is_going(&bytes)), (Ok(None), true));
        // Blank, and the next header is being written over this one.
        bytes[CHECKSUM_AT..].fill(0);
        bytes[8..20].fill(0xA5);
        assert_eq!((ChunkHeader::decode(&bytes, 3), is_going(&bytes)), (Ok(None), false));
    }

    #[test]
    fn every_changed_bit_is_found_or_changes_the_seal() {
        let whole = header().encode();
        for bit in 0..HEADER_SIZE * 8 {
            let mut bytes = whole;
            bytes[bit / 8] ^= 1 << (bit % 8);
            match ChunkHeader::decode(&bytes, 3) {
                Err(_) => {}
                // The records' checksum, which the records will not match.
                Ok(Some(read)) => {
                    assert!((PAYLOAD_CHECKSUM_AT..60).contains(&(bit / 8)), "bit {bit}");
                    assert_ne!(read.payload_checksum, header().payload_checksum);
                }
                Ok(None) => panic!("bit {bit} makes the chunk disappear"),
            }
        }
    }

    #[test]
    fn every_kind_is_read_as_written() {
        for number in 0..100 {
            if let Some(kind) = ChunkKind::from_number(number) {
                assert_eq!(kind as u16, number);
            }
        }
    }
}
