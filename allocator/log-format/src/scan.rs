//! Scans: how the live blocks were held when the program's memory was searched.
//!
//! The records of a few scans stand in sets that take turns, so that those before
//! are whole while the next one is written. A set is a header, then a row for each
//! site and way of holding; its checksum covers both.

use crate::FormatError;
use crate::bytes::{put, u8_at, u32_at, u64_at};

/// Size of a record in bytes: of a row, and of each piece of a header.
pub const SIZE: usize = 32;
/// Size of a header in bytes.
pub const HEADER_SIZE: usize = 128;
/// Records that a header takes.
pub const HEADER_RECORDS: u32 = (HEADER_SIZE / SIZE) as u32;
/// How many sets there are. Scan *n* stands in set *n* mod this.
pub const SET_COUNT: u32 = 4;
/// Records of a set, its header included: set *s* begins at *s* times this.
pub const SET_RECORDS: u32 = 1 << 16;
/// Most rows of a scan; what has none is counted in the header.
pub const ROW_COUNT_MAX: u32 = SET_RECORDS - HEADER_RECORDS;

/// Not all threads were found before the memory was searched.
pub const FLAG_INCOMPLETE: u32 = 1;

const CHECKSUM_AT: usize = HEADER_SIZE - 4;

const _: () = assert!(HEADER_SIZE.is_multiple_of(SIZE));

/// What holds a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum HeldBy {
    /// Nothing points to it.
    Nothing = 1,
    /// Nothing but a group of lost blocks that hold each other.
    Cycle = 2,
    /// Another lost block.
    Lost = 3,
    /// A static.
    Static = 4,
    /// A thread-local of a thread that lives.
    ThreadLocal = 5,
    /// The stack or a register of a thread that lives.
    Stack = 6,
    /// Memory that is neither a block nor a static.
    Elsewhere = 7,
    /// It came or moved too late to be looked at.
    Unknown = 8,
}

impl HeldBy {
    /// All of them, those that are lost first.
    pub const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Cycle,
        Self::Lost,
        Self::Static,
        Self::ThreadLocal,
        Self::Stack,
        Self::Elsewhere,
        Self::Unknown,
    ];

    /// That with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|held_by| *held_by as u8 == number)
    }

    /// Whether nothing reaches such a block.
    pub fn is_lost(self) -> bool {
        matches!(self, Self::Nothing | Self::Cycle | Self::Lost)
    }
}

/// Blocks of one site that are held in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Their site.
    pub site: u32,
    /// What holds them.
    pub held_by: HeldBy,
    /// How many they are.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest was allocated, in ticks.
    pub born_ticks: u64,
}

impl Row {
    /// The row's bytes.
    pub fn encode(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        put(&mut bytes, 0, &self.site.to_le_bytes());
        put(&mut bytes, 4, &[self.held_by as u8]);
        put(&mut bytes, 8, &self.blocks.to_le_bytes());
        put(&mut bytes, 16, &self.bytes.to_le_bytes());
        put(&mut bytes, 24, &self.born_ticks.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let truncated = FormatError::Truncated { needed: SIZE, found: bytes.len() };
        let number = u8_at(bytes, 4).ok_or(truncated)?;
        let u64 = |at| u64_at(bytes, at).ok_or(truncated);
        Ok(Self {
            site: u32_at(bytes, 0).ok_or(truncated)?,
            held_by: HeldBy::from_number(number)
                .ok_or(FormatError::Value { field: "what holds a block", value: number.into() })?,
            blocks: u64(8)?,
            bytes: u64(16)?,
            born_ticks: u64(24)?,
        })
    }
}

/// What a scan looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Its number in the process, from 1.
    pub number: u64,
    /// When it began, in ticks.
    pub ticks: u64,
    /// How long the other threads stood still, in nanoseconds.
    pub pause_ns: u64,
    /// The live blocks that it tells of: those of its rows, and those without one.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Threads that stood still, but for the one that asked.
    pub stopped_count: u32,
    /// Threads that went on.
    pub running_count: u32,
    /// Bytes outside of blocks that were searched.
    pub root_bytes: u64,
    /// Bytes of blocks that were searched.
    pub block_bytes: u64,
    /// Bytes outside of blocks that could not be read.
    pub unreadable_root_bytes: u64,
    /// Bytes of blocks that could not be read.
    pub unreadable_block_bytes: u64,
    /// Mappings that count as the program's memory though they may not be.
    pub missed_count: u64,
    /// `FLAG_` bits.
    pub flags: u32,
    /// Blocks that have no row, for want of room.
    pub rowless_blocks: u64,
    /// Their bytes.
    pub rowless_bytes: u64,
    /// Blocks that found no record, ever: they were not looked at.
    pub unrecorded_blocks: u64,
}

impl Scan {
    /// The header's bytes over these rows, of which there are no more than
    /// [`ROW_COUNT_MAX`].
    pub fn encode(&self, rows: &[Row]) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        let words = [
            (0, self.number),
            (8, self.ticks),
            (16, self.pause_ns),
            (24, self.blocks),
            (32, self.bytes),
            (48, self.root_bytes),
            (56, self.block_bytes),
            (64, self.unreadable_root_bytes),
            (72, self.unreadable_block_bytes),
            (80, self.missed_count),
            (96, self.rowless_blocks),
            (104, self.rowless_bytes),
            (112, self.unrecorded_blocks),
        ];
        for (at, word) in words {
            put(&mut bytes, at, &word.to_le_bytes());
        }
        let halves = [
            (40, self.stopped_count),
            (44, self.running_count),
            (88, rows.len() as u32),
            (92, self.flags),
        ];
        for (at, half) in halves {
            put(&mut bytes, at, &half.to_le_bytes());
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes[..CHECKSUM_AT]);
        rows.iter().for_each(|row| hasher.update(&row.encode()));
        put(&mut bytes, CHECKSUM_AT, &hasher.finalize().to_le_bytes());
        bytes
    }

    /// Reads the scan of a set, whose records are handed out by number; `Ok(None)`
    /// where there is none, or one that was being written.
    ///
    /// # Errors
    /// A scan that is not whole.
    pub fn decode<'b>(
        record: impl Fn(u32) -> Option<&'b [u8]>,
    ) -> Result<Option<(Self, Vec<Row>)>, FormatError> {
        let mut header = [0; HEADER_SIZE];
        for (index, place) in (0..).zip(header.chunks_exact_mut(SIZE)) {
            let Some(bytes) = record(index).and_then(|bytes| bytes.get(..SIZE)) else {
                return Ok(None);
            };
            place.copy_from_slice(bytes);
        }
        let truncated = FormatError::Truncated { needed: HEADER_SIZE, found: 0 };
        let u32 = |at| u32_at(&header, at).ok_or(truncated);
        let u64 = |at| u64_at(&header, at).ok_or(truncated);
        let number = u64(0)?;
        if number == 0 {
            return Ok(None);
        }
        let row_count = u32(88)?;
        if row_count > ROW_COUNT_MAX {
            return Err(FormatError::Limit { field: "rows of a scan", value: row_count.into() });
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&header[..CHECKSUM_AT]);
        let mut rows = Vec::new();
        for index in HEADER_RECORDS..HEADER_RECORDS + row_count {
            let found = rows.len() * SIZE;
            let lacking = FormatError::Truncated { needed: row_count as usize * SIZE, found };
            let bytes = record(index).and_then(|bytes| bytes.get(..SIZE)).ok_or(lacking)?;
            hasher.update(bytes);
            rows.push(bytes);
        }
        let (stored, computed) = (u32(CHECKSUM_AT)?, hasher.finalize());
        if stored != computed {
            return Err(FormatError::Checksum { stored, computed });
        }
        let rows: Result<Vec<Row>, FormatError> = rows.into_iter().map(Row::decode).collect();
        let scan = Self {
            number,
            ticks: u64(8)?,
            pause_ns: u64(16)?,
            blocks: u64(24)?,
            bytes: u64(32)?,
            stopped_count: u32(40)?,
            running_count: u32(44)?,
            root_bytes: u64(48)?,
            block_bytes: u64(56)?,
            unreadable_root_bytes: u64(64)?,
            unreadable_block_bytes: u64(72)?,
            missed_count: u64(80)?,
            flags: u32(92)?,
            rowless_blocks: u64(96)?,
            rowless_bytes: u64(104)?,
            unrecorded_blocks: u64(112)?,
        };
        Ok(Some((scan, rows?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (Scan, Vec<Row>) {
        let row = |site, held_by| Row { site, held_by, blocks: 2, bytes: 96, born_ticks: 7 };
        let rows = vec![row(4_096, HeldBy::Nothing), row(4_100, HeldBy::Static)];
        let scan = Scan { number: 5, ticks: 9, blocks: 4, bytes: 192, ..Scan::default() };
        (scan, rows)
    }

    fn set(scan: &Scan, rows: &[Row]) -> Vec<u8> {
        let mut bytes = scan.encode(rows).to_vec();
        rows.iter().for_each(|row| bytes.extend(row.encode()));
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Option<(Scan, Vec<Row>)>, FormatError> {
        Scan::decode(|index| bytes.get(index as usize * SIZE..(index as usize + 1) * SIZE))
    }

    #[test]
    fn every_changed_bit_is_found() {
        let (scan, rows) = example();
        let bytes = set(&scan, &rows);
        assert_eq!(read(&bytes), Ok(Some((scan, rows))));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_scan_that_is_being_written_is_none_yet() {
        let (scan, rows) = example();
        let mut bytes = set(&scan, &rows);
        bytes[..8].fill(0);
        assert_eq!(read(&bytes), Ok(None));
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn no_count_is_believed() {
        let (scan, rows) = example();
        let mut bytes = set(&scan, &rows);
        bytes[88..92].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(read(&bytes), Err(FormatError::Limit { .. })));
        bytes[88..92].copy_from_slice(&ROW_COUNT_MAX.to_le_bytes());
        assert!(matches!(read(&bytes), Err(FormatError::Truncated { .. })));
    }
}
