//! A tag's declaration (static, with a checksum) and its published totals
//! (live words).

use crate::bytes::{put, put_text, text, u8_at, u32_at, u64_at, words};
use crate::{FormatError, TAG_COUNT_MAX};

/// Size of a declaration in bytes.
pub const DECLARATION_SIZE: usize = 160;
/// Greatest size of a tag's name in bytes.
pub const NAME_SIZE_MAX: usize = 128;
const CHECKSUM_AT: usize = DECLARATION_SIZE - 4;

/// How much the content of a tag's blocks matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum TagClass {
    /// Nothing is lost if it is seen.
    Public = 0,
    /// Must not outlive its use.
    Secret = 1,
}

/// What a log says about a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagDeclaration {
    /// The tag's index; 0 is "untagged".
    pub index: u32,
    /// The name, `/` between its levels.
    pub name: String,
    /// Public or secret.
    pub class: TagClass,
    /// Whether its blocks are overwritten at release, after policy and tag
    /// were put together.
    pub wipe: bool,
    /// The greatest age that a block of it should reach, in milliseconds;
    /// 0 for none.
    pub greatest_age_ms: u64,
}

/// A declaration's bytes; a name over the limit is cut at a character.
pub fn encode_declaration(
    index: u32,
    name: &[u8],
    class: TagClass,
    wipe: bool,
    greatest_age_ms: u64,
) -> [u8; DECLARATION_SIZE] {
    let mut bytes = [0; DECLARATION_SIZE];
    // Plus one, so that a record of zeros is no record.
    put(&mut bytes, 0, &(index + 1).to_le_bytes());
    bytes[4] = class as u8;
    bytes[5] = wipe.into();
    put(&mut bytes, 8, &greatest_age_ms.to_le_bytes());
    put_text(&mut bytes[16..16 + NAME_SIZE_MAX], name);
    let checksum = crc32fast::hash(&bytes[..CHECKSUM_AT]);
    put(&mut bytes, CHECKSUM_AT, &checksum.to_le_bytes());
    bytes
}

impl TagDeclaration {
    /// Reads a declaration; `Ok(None)` where none was made (its first word is
    /// stored last).
    ///
    /// # Errors
    /// A record that is neither empty nor whole.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, FormatError> {
        let truncated = FormatError::Truncated { needed: DECLARATION_SIZE, found: bytes.len() };
        let bytes = bytes.get(..DECLARATION_SIZE).ok_or(truncated)?;
        let number = u32_at(bytes, 0).ok_or(truncated)?;
        let stored = u32_at(bytes, CHECKSUM_AT).ok_or(truncated)?;
        if number == 0 && stored == 0 {
            return Ok(None);
        }
        let computed = crc32fast::hash(&bytes[..CHECKSUM_AT]);
        if stored != computed {
            return Err(FormatError::Checksum { stored, computed });
        }
        let index = number.wrapping_sub(1);
        if index >= TAG_COUNT_MAX {
            return Err(FormatError::Limit { field: "tag index", value: index.into() });
        }
        Ok(Some(Self {
            index,
            name: text(&bytes[16..16 + NAME_SIZE_MAX]),
            class: match u8_at(bytes, 4).ok_or(truncated)? {
                0 => TagClass::Public,
                1 => TagClass::Secret,
                value => return Err(FormatError::Value { field: "class", value: value.into() }),
            },
            wipe: u8_at(bytes, 5).ok_or(truncated)? != 0,
            greatest_age_ms: u64_at(bytes, 8).ok_or(truncated)?,
        }))
    }
}

/// Size of a tag's totals in bytes.
pub const TOTALS_SIZE: usize = TOTALS_WORD_COUNT * 8;
/// How many words the totals have.
pub const TOTALS_WORD_COUNT: usize = 8;
/// Bytes live, as far as threads published them (signed).
pub const LIVE: usize = 0;
/// The greatest published live, in bytes.
pub const PEAK: usize = 1;
/// When that was, in ticks.
pub const PEAK_TICKS: usize = 2;
/// Bytes that were live before the log's cells began: inherited by a fork.
pub const INHERITED_BYTES: usize = 3;
/// Blocks likewise.
pub const INHERITED_BLOCKS: usize = 4;
/// The tag's greatest quantum so far, in bytes.
pub const QUANTUM: usize = 5;

/// Names of the words, for listings.
pub const TOTALS_NAMES: [&str; TOTALS_WORD_COUNT] = [
    "live_bytes",
    "peak_bytes",
    "peak_ticks",
    "inherited_bytes",
    "inherited_blocks",
    "quantum",
    "reserved_6",
    "reserved_7",
];

/// Reads a tag's totals; `None` where the bytes end before.
pub fn decode_totals(bytes: &[u8]) -> Option<[u64; TOTALS_WORD_COUNT]> {
    words(bytes)
}
