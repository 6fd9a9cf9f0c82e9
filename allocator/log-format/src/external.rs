//! Memory that no allocator sees and the program told of, for each tag: live words,
//! without a checksum. It is part of the published live figures and peaks, and of
//! no cell.

use crate::bytes::words;

/// Words of a record.
pub const WORD_COUNT: usize = 2;
/// Size of a record in bytes; there is one for each tag, by its index.
pub const SIZE: usize = WORD_COUNT * 8;
/// Bytes that are there now.
pub const BYTES: usize = 0;
/// How many there were at most, in bytes.
pub const PEAK: usize = 1;

/// Reads a tag's words; `None` where the bytes end before.
pub fn decode(bytes: &[u8]) -> Option<[u64; WORD_COUNT]> {
    words(bytes)
}
