//! A frame of the ledger: what was live per tag at one moment.
//!
//! A frame has a slot. Its moment is record `slot` of the chunks of kind
//! `Frames`; its rows are the records `group * slot_count + slot` of those of
//! kind `FrameRows`, 16 tags a row, a row only where the group has tags. The
//! last two slots hold what made up the process's peak, in turns.

use crate::TAGS_PER_GROUP;
use crate::bytes::words;

/// Size of a moment in bytes.
pub const MOMENT_SIZE: usize = 32;
/// Size of a row in bytes.
pub const ROW_SIZE: usize = TAGS_PER_GROUP as usize * 8;
/// Slots behind the ring, for the two peak frames.
pub const PEAK_SLOT_COUNT: u32 = 2;

/// Word of a moment: when, in ticks; 0 while the frame is not whole. Stored
/// last.
pub const TICKS: usize = 0;
/// Word of a moment: live bytes of the process, published (signed).
pub const LIVE: usize = 1;
/// Word of a moment: how many groups of tags have rows.
pub const GROUP_COUNT: usize = 2;
/// Word of a moment: number of the frame, from 1.
pub const NUMBER: usize = 3;

/// How many slots a log has whose ring holds `capacity` frames.
pub const fn slot_count(capacity: u32) -> u32 {
    capacity + PEAK_SLOT_COUNT
}

/// Reads a moment; `None` where there is none or it is not whole.
pub fn decode_moment(bytes: &[u8]) -> Option<[u64; 4]> {
    words(bytes).filter(|moment: &[u64; 4]| moment[TICKS] != 0)
}

/// Reads a row: live bytes of each tag of the group (signed).
pub fn decode_row(bytes: &[u8]) -> Option<[u64; TAGS_PER_GROUP as usize]> {
    words(bytes)
}
