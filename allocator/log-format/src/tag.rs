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

/// What a tag asked for, whatever became of it under the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum WipeRequest {
    /// Nothing: policy and class decide.
    None = 0,
    /// That its blocks are wiped.
    Wipe = 1,
    /// That they are not.
    Spare = 2,
}

/// What a log says about a tag. Who encodes may hold the name borrowed, so
/// that nothing is allocated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagDeclaration<Text = String> {
    /// The tag's index; 0 is "untagged".
    pub index: u32,
    /// The name, `/` between its levels.
    pub name: Text,
    /// Public or secret.
    pub class: TagClass,
    /// Whether its blocks are overwritten at release, after policy and tag
    /// were put together.
    pub wipe: bool,
    /// What the tag asked for.
    pub request: WipeRequest,
    /// Whether its blocks stand in guarded memory.
    pub is_vault: bool,
    /// Whether its live blocks stand in the registry.
    pub is_watched: bool,
    /// The greatest age that a block of it should reach, in milliseconds;
    /// 0 for none.
    pub greatest_age_ms: u64,
}

/// Bit of a declaration's protection: guarded memory.
const VAULT: u8 = 1;
/// Likewise: its live blocks stand in the registry.
const WATCHED: u8 = 1 << 1;

impl<Text: AsRef<[u8]>> TagDeclaration<Text> {
    /// The declaration's bytes; a name over the limit is cut at a character.
    pub fn encode(&self) -> [u8; DECLARATION_SIZE] {
        let mut bytes = [0; DECLARATION_SIZE];
        // Plus one, so that a record of zeros is no record.
        put(&mut bytes, 0, &(self.index + 1).to_le_bytes());
        bytes[4] = self.class as u8;
        bytes[5] = self.wipe.into();
        bytes[6] = self.request as u8;
        bytes[7] = (u8::from(self.is_vault) * VAULT) | (u8::from(self.is_watched) * WATCHED);
        put(&mut bytes, 8, &self.greatest_age_ms.to_le_bytes());
        put_text(&mut bytes[16..16 + NAME_SIZE_MAX], self.name.as_ref());
        let checksum = crc32fast::hash(&bytes[..CHECKSUM_AT]);
        put(&mut bytes, CHECKSUM_AT, &checksum.to_le_bytes());
        bytes
    }
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
        let protection = u8_at(bytes, 7).ok_or(truncated)?;
        Ok(Some(Self {
            index,
            name: text(&bytes[16..16 + NAME_SIZE_MAX]),
            class: match u8_at(bytes, 4).ok_or(truncated)? {
                0 => TagClass::Public,
                1 => TagClass::Secret,
                value => return Err(FormatError::Value { field: "class", value: value.into() }),
            },
            wipe: u8_at(bytes, 5).ok_or(truncated)? != 0,
            request: match u8_at(bytes, 6).ok_or(truncated)? {
                0 => WipeRequest::None,
                1 => WipeRequest::Wipe,
                2 => WipeRequest::Spare,
                value => return Err(FormatError::Value { field: "request", value: value.into() }),
            },
            is_vault: protection & VAULT != 0,
            is_watched: protection & WATCHED != 0,
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
/// What the tag's guarded memory has: `VAULT_` bits; 0 before its first block,
/// and for any other tag.
pub const VAULT_STATE: usize = 6;
/// Blocks of a watched tag that the registry had no room for.
pub const UNREGISTERED_BLOCKS: usize = 7;

/// There is guarded memory.
pub const VAULT_IN_USE: u64 = 1;
/// It is no part of what other processes can read (`memfd_secret`).
pub const VAULT_SECRET: u64 = 1 << 1;
/// It is locked: never swapped out.
pub const VAULT_LOCKED: u64 = 1 << 2;
/// Core files leave it out.
pub const VAULT_NOT_DUMPED: u64 = 1 << 3;
/// Forked children do not have it.
pub const VAULT_NOT_FORKED: u64 = 1 << 4;
/// Pages that nobody may touch stand around each block.
pub const VAULT_GUARDED: u64 = 1 << 5;
/// An allocation was refused for want of something that the tag insists on.
pub const VAULT_REFUSED: u64 = 1 << 6;

/// Names of the words, for listings.
pub const TOTALS_NAMES: [&str; TOTALS_WORD_COUNT] = [
    "live_bytes",
    "peak_bytes",
    "peak_ticks",
    "inherited_bytes",
    "inherited_blocks",
    "quantum",
    "vault_state",
    "unregistered_blocks",
];

/// Reads a tag's totals; `None` where the bytes end before.
pub fn decode_totals(bytes: &[u8]) -> Option<[u64; TOTALS_WORD_COUNT]> {
    words(bytes)
}
