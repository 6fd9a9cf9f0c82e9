//! One thread slot: live words. A slot is used by one thread at a time and
//! then by the next; slot 0 is the orphan slot, shared by whoever has none.

use crate::bytes::{text, u64_at};

/// Size of a slot in bytes.
pub const SIZE: usize = WORD_COUNT * 8;
/// How many words it has.
pub const WORD_COUNT: usize = 16;

/// 0 never used, else a `STATE_` value.
pub const STATE: usize = 0;
/// Number of the thread, unique in the process, from 1.
pub const THREAD: usize = 1;
/// The system's id of the thread.
pub const SYSTEM_ID: usize = 2;
/// Twice the slot's events, plus 1 while one is in flight. Orphan slot: events
/// begun.
pub const SEQUENCE: usize = 3;
/// Bytes allocated less bytes freed by this slot, over all tags (signed).
pub const LIVE: usize = 4;
/// The greatest such figure since it was last published.
pub const HIGH: usize = 5;
/// Publish once the figure falls below this.
pub const LOW: usize = 6;
/// The figure when it was last published.
pub const PUBLISHED: usize = 7;
/// The thread's name: 16 bytes, NUL-padded.
pub const NAME: usize = 8;
/// When the thread came, in ticks.
pub const START_TICKS: usize = 10;
/// When it ended, in ticks.
pub const END_TICKS: usize = 11;
/// Orphan slot: events finished.
pub const FINISHED: usize = 12;
/// Journal chunks that the slot took.
pub const CHUNK_COUNT: usize = 13;
/// Where the slot records: 0 in this log, 1 still in memory of before the log
/// began; its cells here are then a copy.
pub const LAGGARD: usize = 14;

/// Names of the words, for listings; empty for the text of [`NAME`].
pub const NAMES: [&str; WORD_COUNT] = [
    "state",
    "thread",
    "system_id",
    "sequence",
    "live_bytes",
    "high",
    "low",
    "published",
    "",
    "",
    "start_ticks",
    "end_ticks",
    "finished",
    "chunk_count",
    "laggard",
    "reserved_15",
];

/// A thread uses the slot.
pub const STATE_LIVE: u64 = 1;
/// Its last thread ended.
pub const STATE_ENDED: u64 = 2;

/// Size of a thread's name in bytes.
pub const NAME_SIZE: usize = 16;

/// A slot's words and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadRecord {
    /// The words, by the constants of this module.
    pub words: [u64; WORD_COUNT],
    /// The name of the slot's last thread.
    pub name: String,
}

impl ThreadRecord {
    /// Reads a slot; `None` where it was never used or the bytes end before.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let words = crate::bytes::words(bytes)?;
        if words[STATE] == 0 {
            return None;
        }
        let name = text(bytes.get(NAME * 8..NAME * 8 + NAME_SIZE)?);
        Some(Self { words, name })
    }

    /// How many events the slot has finished.
    pub fn event_count(&self) -> u64 {
        self.words[SEQUENCE] / 2
    }

    /// Whether the process died, or is, within an event of this slot.
    pub fn in_flight(&self) -> bool {
        self.words[SEQUENCE] % 2 == 1
    }
}

/// Reads one word of a slot without the rest.
pub fn word(bytes: &[u8], index: usize) -> Option<u64> {
    u64_at(bytes, index * 8)
}
