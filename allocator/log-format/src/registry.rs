//! The registry: the live blocks of watched tags, each with its birth.
//!
//! A hash table on words: a record is taken by whoever finds it blank, at any
//! index, and blanked again at the block's release.

use crate::bytes::words;

/// How many words a record has.
pub const WORD_COUNT: usize = 4;
/// Size of a record in bytes.
pub const SIZE: usize = WORD_COUNT * 8;
/// Most records that a log can hold.
pub const RECORD_COUNT_MAX: u32 = (1 << 20) - 1024;

/// The block's address; 0 where nobody has the record, [`CLAIMED`] while
/// somebody writes the others. Stored last.
pub const ADDRESS: usize = 0;
/// The block's site.
pub const SITE: usize = 1;
/// Its size in bytes.
pub const BLOCK_SIZE: usize = 2;
/// When it was allocated, in ticks. A realloc does not make a block younger.
pub const BORN_TICKS: usize = 3;

/// In place of an address: the record is being written.
pub const CLAIMED: u64 = 1;

/// A live block of a watched tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The block's address.
    pub address: u64,
    /// Its site.
    pub site: u32,
    /// Its size in bytes.
    pub size: u64,
    /// When it was allocated, in ticks.
    pub born_ticks: u64,
}

impl Registered {
    /// Reads a record; `None` where there is no block.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let words: [u64; WORD_COUNT] = words(bytes)?;
        if words[ADDRESS] <= CLAIMED {
            return None;
        }
        Some(Self {
            address: words[ADDRESS],
            site: u32::try_from(words[SITE]).ok()?,
            size: words[BLOCK_SIZE],
            born_ticks: words[BORN_TICKS],
        })
    }
}
