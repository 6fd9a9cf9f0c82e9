//! Vitals: what the kernel says of the process, beside what the ledger says.
//!
//! Records of words, each with a checksum, in places that have a meaning: the
//! newest, that at the heap's peak, the newest with parts and that with the most
//! resident bytes, two of each that take turns; behind them a ring that thins out
//! as that of frames does. A reader sorts by number.

use crate::FormatError;
use crate::bytes::words;

/// Words of a record.
pub const WORD_COUNT: usize = 40;
/// Size of a record in bytes.
pub const SIZE: usize = WORD_COUNT * 8;
/// Places of the ring.
pub const RING_SIZE: u32 = 512;
/// Where the ring begins.
pub const RING: u32 = 8;
/// Most records of a log.
pub const COUNT_MAX: u32 = RING + RING_SIZE;

/// Where the newest sample stands: there, or one place on.
pub const NEWEST: u32 = 0;
/// That at the heap's peak.
pub const PEAK: u32 = 2;
/// The newest that has parts.
pub const PARTS: u32 = 4;
/// That with the most resident bytes of those that have parts.
pub const GREATEST: u32 = 6;

/// Number of the sample, from 1; 0 there is none. Stored last.
pub const NUMBER: usize = 0;
/// When it was taken, in ticks.
pub const TICKS: usize = 1;
/// Which words are known: `KNOWS_` bits.
pub const KNOWN: usize = 2;
/// What taking it cost, in nanoseconds.
pub const TOOK_NS: usize = 3;
/// Resident bytes of anonymous memory.
pub const ANONYMOUS_BYTES: usize = 4;
/// Resident bytes of mapped files.
pub const FILE_BYTES: usize = 5;
/// Resident bytes of memory that is shared with others.
pub const SHARED_BYTES: usize = 6;
/// The most bytes that were resident at one time.
pub const GREATEST_BYTES: usize = 7;
/// Bytes that are swapped out.
pub const SWAPPED_BYTES: usize = 8;
/// Bytes of page tables, which are not resident in this sense but count in a
/// control group.
pub const PAGE_TABLE_BYTES: usize = 9;
/// Threads, scrubjay's own included.
pub const THREAD_COUNT: usize = 10;
/// Page faults that needed no reading, ever.
pub const MINOR_FAULT_COUNT: usize = 11;
/// Page faults that did, ever.
pub const MAJOR_FAULT_COUNT: usize = 12;
/// Version of the control group that limits memory; 0 none.
pub const CGROUP_VERSION: usize = 13;
/// What the control group uses in bytes, others' part included.
pub const CGROUP_USAGE: usize = 14;
/// Its limit in bytes; [`NO_LIMIT`].
pub const CGROUP_LIMIT: usize = 15;
/// The machine's memory in bytes.
pub const MACHINE_BYTES: usize = 16;
/// What of it can be had without swapping.
pub const MACHINE_AVAILABLE_BYTES: usize = 17;
/// Live bytes of the heap: as published, and with parts as counted.
pub const LIVE_BYTES: usize = 18;
/// Bytes of the log, or of the ledger where there is none, that are mapped.
pub const LOG_MAPPED_BYTES: usize = 19;
/// Pages of mappings that scrubjay keeps for blocks that will grow, in bytes.
pub const KEPT_BYTES: usize = 20;
/// Part of the resident bytes that is this process's share of what several have.
pub const PROPORTIONAL_BYTES: usize = 21;
/// The first of the parts, resident bytes each: of the C library's heap.
pub const HEAP_BYTES: usize = 22;
/// Of scrubjay's mappings for large blocks and for vaults.
pub const LARGE_BYTES: usize = 23;
/// Of stacks.
pub const STACK_BYTES: usize = 24;
/// Of the program and its libraries.
pub const PROGRAM_BYTES: usize = 25;
/// Of other mapped files.
pub const MAPPED_FILE_BYTES: usize = 26;
/// Of memory that others may have, too, but for the log.
pub const OTHER_SHARED_BYTES: usize = 27;
/// Of the log.
pub const LOG_BYTES: usize = 28;
/// Of scrubjay's own tables.
pub const OWN_BYTES: usize = 29;
/// The last of the parts: of other anonymous memory.
pub const OTHER_BYTES: usize = 30;
/// Live blocks.
pub const LIVE_BLOCKS: usize = 31;
/// Bytes of live blocks that stand in mappings of scrubjay's, their trailers
/// included, whether touched or not.
pub const LARGE_LIVE_BYTES: usize = 32;
/// Bytes that the C library's heap has handed out, its own overhead included.
pub const MALLOC_USED_BYTES: usize = 33;
/// Bytes that it has mapped for single blocks, touched or not.
pub const MALLOC_MAPPED_BYTES: usize = 34;
/// Bytes that it keeps free, touched or not.
pub const MALLOC_FREE_BYTES: usize = 35;
/// What the parts cost of [`TOOK_NS`].
pub const PARTS_NS: usize = 36;
/// Memory that no allocator sees and the program told of, in bytes.
pub const EXTERNAL_BYTES: usize = 37;
/// The checksum of all words before, in the lower half.
pub const CHECKSUM: usize = WORD_COUNT - 1;

/// The parts, which are all resident bytes together.
pub const PART_WORDS: core::ops::RangeInclusive<usize> = HEAP_BYTES..=OTHER_BYTES;

/// The kernel told of the process: words 4 to 10.
pub const KNOWS_PROCESS: u64 = 1;
/// Of faults.
pub const KNOWS_FAULTS: u64 = 1 << 1;
/// Of the machine's memory.
pub const KNOWS_MACHINE: u64 = 1 << 2;
/// Of the parts: words 21 to 32.
pub const KNOWS_PARTS: u64 = 1 << 3;
/// The C library told of its heap: words 33 to 35.
pub const KNOWS_MALLOC: u64 = 1 << 4;

/// The control group has no limit.
pub const NO_LIMIT: u64 = u64::MAX;

/// Names of the words, for listings.
pub const NAMES: [&str; WORD_COUNT] = [
    "number",
    "ticks",
    "known",
    "took_ns",
    "anonymous_bytes",
    "file_bytes",
    "shared_bytes",
    "greatest_bytes",
    "swapped_bytes",
    "page_table_bytes",
    "thread_count",
    "minor_fault_count",
    "major_fault_count",
    "cgroup_version",
    "cgroup_usage_bytes",
    "cgroup_limit_bytes",
    "machine_bytes",
    "machine_available_bytes",
    "live_bytes",
    "log_mapped_bytes",
    "kept_bytes",
    "proportional_bytes",
    "heap_bytes",
    "large_bytes",
    "stack_bytes",
    "program_bytes",
    "mapped_file_bytes",
    "other_shared_bytes",
    "log_bytes",
    "own_bytes",
    "other_bytes",
    "live_blocks",
    "large_live_bytes",
    "malloc_used_bytes",
    "malloc_mapped_bytes",
    "malloc_free_bytes",
    "parts_ns",
    "external_bytes",
    "reserved_38",
    "checksum",
];

/// One sample: its words, by the constants of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitals(pub [u64; WORD_COUNT]);

impl Vitals {
    /// Resident bytes: anonymous memory, files, shared memory.
    pub fn resident_bytes(&self) -> u64 {
        let sum = |sum: u64, word: usize| sum.saturating_add(self.0[word]);
        [ANONYMOUS_BYTES, FILE_BYTES, SHARED_BYTES].into_iter().fold(0, sum)
    }

    /// What the parts are together; 0 where they are not known.
    pub fn part_bytes(&self) -> u64 {
        PART_WORDS.fold(0, |sum, word| sum.saturating_add(self.0[word]))
    }

    /// Whether all of these `KNOWS_` bits are set.
    pub fn knows(&self, bits: u64) -> bool {
        self.0[KNOWN] & bits == bits
    }

    /// The record's bytes. Whoever maps the file stores the first word last.
    pub fn encode(&self) -> [u8; SIZE] {
        let mut words = self.0;
        words[CHECKSUM] = 0;
        words[CHECKSUM] = checksum(&words).into();
        let mut bytes = [0; SIZE];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Reads a record; `Ok(None)` where there is none, or one that was being
    /// written.
    ///
    /// # Errors
    /// A record that is not whole.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, FormatError> {
        let truncated = FormatError::Truncated { needed: SIZE, found: bytes.len() };
        let mut words: [u64; WORD_COUNT] = words(bytes).ok_or(truncated)?;
        if words[NUMBER] == 0 {
            return Ok(None);
        }
        let stored = core::mem::take(&mut words[CHECKSUM]);
        let computed = checksum(&words);
        if stored != u64::from(computed) {
            return Err(FormatError::Checksum { stored: stored as u32, computed });
        }
        Ok(Some(Self(words)))
    }
}

fn checksum(words: &[u64; WORD_COUNT]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    words[..CHECKSUM].iter().for_each(|word| hasher.update(&word.to_le_bytes()));
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Vitals {
        let mut words = [0; WORD_COUNT];
        (words[NUMBER], words[TICKS], words[KNOWN]) = (3, 99, KNOWS_PROCESS);
        words[ANONYMOUS_BYTES] = 5 << 20;
        Vitals(words)
    }

    #[test]
    fn every_changed_bit_is_found() {
        let bytes = example().encode();
        assert_eq!(Vitals::decode(&bytes), Ok(Some(example())));
        for bit in 0..SIZE * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Vitals::decode(&changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_sample_that_is_being_written_is_none_yet() {
        let mut bytes = example().encode();
        bytes[..8].fill(0);
        assert_eq!(Vitals::decode(&bytes), Ok(None));
        assert!(matches!(Vitals::decode(&bytes[..SIZE - 1]), Err(FormatError::Truncated { .. })));
    }

    #[test]
    fn the_parts_are_the_words_between() {
        let mut vitals = example();
        vitals.0[HEAP_BYTES] = 1;
        vitals.0[OTHER_BYTES] = 2;
        vitals.0[LIVE_BLOCKS] = 100;
        assert_eq!((vitals.part_bytes(), vitals.resident_bytes()), (3, 5 << 20));
        assert!(vitals.knows(KNOWS_PROCESS) && !vitals.knows(KNOWS_PROCESS | KNOWS_PARTS));
    }
}
