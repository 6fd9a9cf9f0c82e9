//! Counters of the process as a whole: live words in chunk 0, without a
//! checksum.

use crate::bytes::words;

/// Where the words begin in the file, in bytes.
pub const OFFSET: usize = 1024;
/// How many words there are.
pub const WORD_COUNT: usize = 32;
/// Their size in bytes.
pub const SIZE: usize = WORD_COUNT * 8;

/// 0 not yet begun, else a `STATE_` value.
pub const STATE: usize = 0;
/// When the state was left for an ending, in ticks.
pub const END_TICKS: usize = 1;
/// How many chunks were handed out, chunk 0 included.
pub const CHUNK_COUNT: usize = 2;
/// Bytes live, as far as threads published them (signed).
pub const LIVE: usize = 3;
/// The greatest published live, in bytes.
pub const PEAK: usize = 4;
/// When that was, in ticks.
pub const PEAK_TICKS: usize = 5;
/// The greatest quantum so far: a thread publishes once its delta exceeds the
/// one in force, bytes.
pub const QUANTUM: usize = 6;
/// Threads that ever had a slot of their own.
pub const THREAD_COUNT: usize = 7;
/// Threads that ended.
pub const THREAD_ENDED_COUNT: usize = 8;
/// Threads that found no slot and counted in the shared orphan slot.
pub const THREAD_OVERFLOW_COUNT: usize = 9;
/// Cell pages that could not be had; their events counted in the orphan slot.
pub const CELL_OVERFLOW_COUNT: usize = 10;
/// Tags that could not be declared and count as untagged.
pub const TAG_OVERFLOW_COUNT: usize = 11;
/// How often a thread waited for room in the journal.
pub const WAIT_COUNT: usize = 12;
/// How long all waits took together, in ticks.
pub const WAIT_TICKS: usize = 13;
/// When the journal ended before the process, in ticks; 0 if it did not.
pub const JOURNAL_END_TICKS: usize = 14;
/// Why: a `JOURNAL_END_` value.
pub const JOURNAL_END_REASON: usize = 15;
/// Most threads at one time: with the quantum it gives a peak's bound.
pub const THREAD_LIVE_MAX: usize = 16;
/// Blocks whose trailer was found damaged, where the policy is to count.
pub const CORRUPTION_COUNT: usize = 17;
/// A moment in ticks, paired with the two words behind it. The pair in force
/// is the one at the even or odd place that [`CLOCK_SEQUENCE`] says.
pub const CLOCK_PAIRS: usize = 18;
/// How often the clock was calibrated; its lowest bit chooses the pair in
/// force: ticks and `CLOCK_MONOTONIC` in nanoseconds, at
/// `CLOCK_PAIRS + 2 * (sequence & 1)`.
pub const CLOCK_SEQUENCE: usize = 22;
/// Frames that could not be written because another thread was writing one.
pub const FRAME_SKIPPED_COUNT: usize = 24;
/// Which of the two peak frames is the newest complete one: its slot plus 1;
/// 0 for none.
pub const PEAK_FRAME: usize = 25;
/// The spacing of the ring of frames in force, in nanoseconds.
pub const FRAME_SPACING_NS: usize = 26;
/// Blocks of C code that had no trailer when they were freed, and were passed
/// through: from before the start, from the loader, or damaged.
pub const PASSED_THROUGH_COUNT: usize = 27;
/// Their usable bytes.
pub const PASSED_THROUGH_BYTES: usize = 28;
/// Blocks that were handed out again after they were found to be still blank.
pub const VERIFIED_COUNT: usize = 29;

/// Names of the words, for listings.
pub const NAMES: [&str; WORD_COUNT] = [
    "state",
    "end_ticks",
    "chunk_count",
    "live_bytes",
    "peak_bytes",
    "peak_ticks",
    "quantum",
    "thread_count",
    "thread_ended_count",
    "thread_overflow_count",
    "cell_overflow_count",
    "tag_overflow_count",
    "wait_count",
    "wait_ticks",
    "journal_end_ticks",
    "journal_end_reason",
    "thread_live_max",
    "corruption_count",
    "clock_ticks_even",
    "clock_ns_even",
    "clock_ticks_odd",
    "clock_ns_odd",
    "clock_sequence",
    "reserved_23",
    "frame_skipped_count",
    "peak_frame",
    "frame_spacing_ns",
    "passed_through_count",
    "passed_through_bytes",
    "verified_count",
    "reserved_30",
    "reserved_31",
];

/// The process runs, or died without a word.
pub const STATE_RUNNING: u64 = 1;
/// The process left by `exit`.
pub const STATE_EXITED: u64 = 2;
/// scrubjay aborted it because a block was damaged.
pub const STATE_CORRUPTION: u64 = 3;

/// The log's limit was reached.
pub const JOURNAL_END_LIMIT: u64 = 1;
/// The file system refused more room.
pub const JOURNAL_END_NO_SPACE: u64 = 2;

/// The words, read from chunk 0; `None` where the bytes end before.
pub fn decode(chunk: &[u8]) -> Option<[u64; WORD_COUNT]> {
    words(chunk.get(OFFSET..OFFSET + SIZE)?)
}
