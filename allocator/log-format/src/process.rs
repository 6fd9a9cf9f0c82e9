//! Counters of the process as a whole: live words in chunk 0, without a
//! checksum.

use crate::bytes::words;

/// Where the words begin in the file, in bytes.
pub const OFFSET: usize = 1024;
/// How many words there are.
pub const WORD_COUNT: usize = 64;
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
/// The mode in force: a [`crate::Mode`], plus [`MODE_STACKS`] where stacks are
/// recorded. The header says what the log began with.
pub const MODE: usize = 30;
/// How often the mode was changed.
pub const MODE_CHANGE_COUNT: usize = 31;
/// How stacks are captured: an `ENGINE_` value.
pub const ENGINE: usize = 32;
/// Sites for which there was no room; their blocks count for the tag alone.
pub const SITE_OVERFLOW_COUNT: usize = 33;
/// Stacks that were not captured, since every cache of the unwinder was busy.
pub const STACK_BUSY_COUNT: usize = 34;
/// Modules for which there was no room.
pub const MODULE_OVERFLOW_COUNT: usize = 36;
/// Notes for which there was no room.
pub const NOTE_OVERFLOW_COUNT: usize = 37;
/// Chunks of the journal that were overwritten by later ones.
pub const OVERWRITTEN_CHUNK_COUNT: usize = 38;
/// Events in them; the cells count them as dropped.
pub const OVERWRITTEN_EVENT_COUNT: usize = 39;
/// What happens at the log's limit: 0 the journal stops, 1 its oldest chunks
/// are overwritten.
pub const AT_LIMIT: usize = 40;
/// Pages of a thread's cache of sites that could not be had; its events went
/// straight to the sites' counters.
pub const SITE_CACHE_OVERFLOW_COUNT: usize = 41;
/// Sites from this index on were declared by this process; those below it
/// were inherited in a fork. 0 in a process that is no fork.
pub const SITE_INHERITED_END: usize = 42;
/// Spans that found no room for their tag, when they were made or when they were
/// entered: the tag stayed as it was.
pub const SPAN_OVERFLOW_COUNT: usize = 43;
/// Events of budgets so far, see [`crate::pressure`]; its ring has the last ones.
pub const PRESSURE_EVENT_COUNT: usize = 44;
/// Samples of [`crate::vitals`] that were ever taken.
pub const VITALS_COUNT: usize = 53;
/// What they cost all together, in nanoseconds.
pub const VITALS_NS: usize = 54;
/// The spacing of their ring in force, in nanoseconds.
pub const VITALS_SPACING_NS: usize = 55;

/// Added to the mode where stacks are recorded.
pub const MODE_STACKS: u64 = 1 << 8;

/// Stacks are not captured.
pub const ENGINE_NONE: u64 = 0;
/// By following frame pointers.
pub const ENGINE_FRAME_POINTERS: u64 = 1;
/// By unwind tables.
pub const ENGINE_UNWIND_TABLES: u64 = 2;

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
    "mode",
    "mode_change_count",
    "engine",
    "site_overflow_count",
    "stack_busy_count",
    "reserved_35",
    "module_overflow_count",
    "note_overflow_count",
    "overwritten_chunk_count",
    "overwritten_event_count",
    "at_limit",
    "site_cache_overflow_count",
    "site_inherited_end",
    "span_overflow_count",
    "pressure_event_count",
    "reserved_45",
    "reserved_46",
    "reserved_47",
    "reserved_48",
    "reserved_49",
    "reserved_50",
    "reserved_51",
    "reserved_52",
    "vitals_count",
    "vitals_ns",
    "vitals_spacing_ns",
    "reserved_56",
    "reserved_57",
    "reserved_58",
    "reserved_59",
    "reserved_60",
    "reserved_61",
    "reserved_62",
    "reserved_63",
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
