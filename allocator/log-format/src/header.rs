//! The file header: what ran, when, and with which settings. Static, and
//! covered by a checksum.

use crate::bytes::{array, put, put_text, text, u32_at, u64_at};
use crate::{
    CHUNK_SIZE_MAX, CHUNK_SIZE_MIN, FILE_MAGIC, FormatError, TAG_COUNT_MAX, TAGS_PER_GROUP,
    VERSION, cell, thread,
};

/// Size of the header in bytes, at the start of chunk 0.
pub const SIZE: usize = 512;
const NAME_SIZE: usize = 64;
const CHECKSUM_AT: usize = SIZE - 4;

/// The log began after the process: cells start from a base, kept beside.
pub const FLAG_LATE: u32 = 1;
/// Written by a call to dump: a moment, without a journal.
pub const FLAG_DUMP: u32 = 1 << 1;
/// The process is a forked child; its live figures start from its parent's.
pub const FLAG_FORKED: u32 = 1 << 2;
/// With [`FLAG_FORKED`]: the parent had other threads, whose blocks in flight
/// make the live figures approximate.
pub const FLAG_APPROXIMATE: u32 = 1 << 3;

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Mode {
    /// The ledger and its frames.
    Count = 1,
    /// And a sample of the blocks, with their stacks.
    Sample = 2,
    /// And every event.
    Journal = 3,
}

/// Whose blocks are overwritten at release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum WipePolicy {
    /// Nobody's.
    Off = 0,
    /// Those of tags that ask for it.
    Tagged = 1,
    /// Everybody's, but for tags that decline.
    All = 2,
}

/// What a tick is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ClockKind {
    /// One nanosecond of `CLOCK_MONOTONIC`.
    Monotonic = 0,
    /// One tick of an invariant time stamp counter; the log carries pairs of
    /// ticks and nanoseconds by which a reader calibrates.
    Counter = 1,
}

/// The header's fields. Who encodes may hold the texts borrowed, so that
/// nothing is allocated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHeader<Text = String> {
    /// Size of every chunk in bytes, a power of two.
    pub chunk_size: u32,
    /// `FLAG_` bits.
    pub flags: u32,
    /// What is recorded.
    pub mode: Mode,
    /// Whose blocks are wiped.
    pub wipe: WipePolicy,
    /// Process id.
    pub process_id: u32,
    /// The parent's process id.
    pub parent_id: u32,
    /// The log's first moment in ticks.
    pub start_ticks: u64,
    /// The same moment by `CLOCK_MONOTONIC`, in nanoseconds.
    pub start_monotonic_ns: u64,
    /// The same moment in nanoseconds since 1970, UTC.
    pub start_realtime_ns: u64,
    /// What a tick is.
    pub clock: ClockKind,
    /// How many slots the ring of frames has, without the two for peaks.
    pub frame_capacity: u32,
    /// Greatest size of the file in bytes.
    pub limit_bytes: u64,
    /// Size of a memory page in bytes.
    pub page_size: u32,
    /// Mean distance of two samples, in allocated bytes; 0 in logs of version 1.
    pub sample_interval: u64,
    /// Most frames that are kept of a stack; 0 in logs of version 1.
    pub stack_depth: u32,
    /// The program's name, at most 64 bytes.
    pub program: Text,
    /// The host's name, at most 64 bytes.
    pub host: Text,
}

impl<Text: AsRef<[u8]>> FileHeader<Text> {
    /// The header's bytes.
    pub fn encode(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        put(&mut bytes, 0, &FILE_MAGIC);
        let u32s = [
            (8, VERSION),
            (12, SIZE as u32),
            (16, self.chunk_size),
            (20, self.flags),
            (24, self.mode as u32),
            (28, self.wipe as u32),
            (32, self.process_id),
            (36, self.parent_id),
            (64, self.clock as u32),
            (68, self.frame_capacity),
            (80, TAG_COUNT_MAX),
            (84, TAGS_PER_GROUP),
            (88, cell::SIZE as u32),
            (92, thread::SIZE as u32),
            (96, self.page_size),
            (240, self.stack_depth),
        ];
        for (at, value) in u32s {
            put(&mut bytes, at, &value.to_le_bytes());
        }
        let u64s = [
            (40, self.start_ticks),
            (48, self.start_monotonic_ns),
            (56, self.start_realtime_ns),
            (72, self.limit_bytes),
            (232, self.sample_interval),
        ];
        for (at, value) in u64s {
            put(&mut bytes, at, &value.to_le_bytes());
        }
        put_text(&mut bytes[104..104 + NAME_SIZE], self.program.as_ref());
        put_text(&mut bytes[168..168 + NAME_SIZE], self.host.as_ref());
        let checksum = crc32fast::hash(&bytes[..CHECKSUM_AT]);
        put(&mut bytes, CHECKSUM_AT, &checksum.to_le_bytes());
        bytes
    }
}

impl FileHeader {
    /// Whether a `FLAG_` bit is set.
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Reads a header from the first bytes of a file.
    ///
    /// # Errors
    /// Whatever is wrong first: magic, version, checksum, then single fields.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let truncated = FormatError::Truncated { needed: SIZE, found: bytes.len() };
        if array::<8>(bytes, 0).ok_or(truncated)? != FILE_MAGIC {
            return Err(FormatError::Magic);
        }
        let version = u32_at(bytes, 8).ok_or(truncated)?;
        if !(1..=VERSION).contains(&version) {
            return Err(FormatError::Version(version));
        }
        let bytes = bytes.get(..SIZE).ok_or(truncated)?;
        let stored = u32_at(bytes, CHECKSUM_AT).ok_or(truncated)?;
        let computed = crc32fast::hash(&bytes[..CHECKSUM_AT]);
        if stored != computed {
            return Err(FormatError::Checksum { stored, computed });
        }
        let u32 = |at| u32_at(bytes, at).ok_or(truncated);
        let u64 = |at| u64_at(bytes, at).ok_or(truncated);
        let chunk_size = u32(16)?;
        if !chunk_size.is_power_of_two() || !(CHUNK_SIZE_MIN..=CHUNK_SIZE_MAX).contains(&chunk_size)
        {
            return Err(FormatError::Limit { field: "chunk size", value: chunk_size.into() });
        }
        let fixed = [
            ("header size", u32(12)?, SIZE as u32),
            ("greatest count of tags", u32(80)?, TAG_COUNT_MAX),
            ("tags in a group", u32(84)?, TAGS_PER_GROUP),
            ("cell size", u32(88)?, cell::SIZE as u32),
            ("thread record size", u32(92)?, thread::SIZE as u32),
        ];
        for (field, value, expected) in fixed {
            if value != expected {
                return Err(FormatError::Value { field, value: value.into() });
            }
        }
        Ok(Self {
            chunk_size,
            flags: u32(20)?,
            mode: match u32(24)? {
                1 => Mode::Count,
                2 => Mode::Sample,
                3 => Mode::Journal,
                value => return Err(FormatError::Value { field: "mode", value: value.into() }),
            },
            wipe: match u32(28)? {
                0 => WipePolicy::Off,
                1 => WipePolicy::Tagged,
                2 => WipePolicy::All,
                value => {
                    return Err(FormatError::Value { field: "wipe policy", value: value.into() });
                }
            },
            process_id: u32(32)?,
            parent_id: u32(36)?,
            start_ticks: u64(40)?,
            start_monotonic_ns: u64(48)?,
            start_realtime_ns: u64(56)?,
            clock: match u32(64)? {
                0 => ClockKind::Monotonic,
                1 => ClockKind::Counter,
                value => return Err(FormatError::Value { field: "clock", value: value.into() }),
            },
            frame_capacity: u32(68)?,
            limit_bytes: u64(72)?,
            page_size: u32(96)?,
            sample_interval: u64(232)?,
            stack_depth: u32(240)?,
            program: text(&bytes[104..104 + NAME_SIZE]),
            host: text(&bytes[168..168 + NAME_SIZE]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> [u8; SIZE] {
        let fields = FileHeader {
            chunk_size: 4096,
            flags: FLAG_LATE,
            mode: Mode::Count,
            wipe: WipePolicy::Tagged,
            process_id: 1,
            parent_id: 2,
            start_ticks: 3,
            start_monotonic_ns: 4,
            start_realtime_ns: 5,
            clock: ClockKind::Monotonic,
            frame_capacity: 6,
            limit_bytes: 7,
            page_size: 8,
            sample_interval: 9,
            stack_depth: 10,
            program: "program",
            host: "host",
        };
        fields.encode()
    }

    fn sealed(mut bytes: [u8; SIZE]) -> [u8; SIZE] {
        let checksum = crc32fast::hash(&bytes[..CHECKSUM_AT]);
        put(&mut bytes, CHECKSUM_AT, &checksum.to_le_bytes());
        bytes
    }

    #[test]
    fn every_changed_bit_is_found() {
        for bit in 0..SIZE * 8 {
            let mut bytes = header();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(FileHeader::decode(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_version_is_named_before_anything_else_of_it_is_read() {
        let mut bytes = header();
        put(&mut bytes, 8, &9_u32.to_le_bytes());
        assert_eq!(FileHeader::decode(&bytes[..64]), Err(FormatError::Version(9)));
    }

    #[test]
    fn sizes_outside_the_limits_are_refused() {
        for chunk_size in [0_u32, 1024, 4097, 12288, 8 << 20, 1 << 31] {
            let mut bytes = header();
            put(&mut bytes, 16, &chunk_size.to_le_bytes());
            let read = FileHeader::decode(&sealed(bytes));
            assert!(matches!(read, Err(FormatError::Limit { .. })), "{chunk_size}");
        }
        for (at, value) in [(12, 511_u32), (24, 4), (28, 3), (64, 2), (80, 1), (88, 8)] {
            let mut bytes = header();
            put(&mut bytes, at, &value.to_le_bytes());
            let read = FileHeader::decode(&sealed(bytes));
            assert!(matches!(read, Err(FormatError::Value { .. })), "{at}");
        }
    }
}
