//! Something that happened to a block: three words.
//!
//! ```text
//!         63      56 55      48 47                              0
//! word 0 |  flags   |   kind   |            address             |  stored last
//! word 1 |   ticks, high 16    |             size               |
//! word 2 |       ticks, low 32      |            site           |
//! ```
//!
//! A realloc is a pair: what it freed, then what it allocated. The second is
//! written first, so that the first one's last word makes both visible.

use crate::FormatError;
use crate::bytes::words;

/// Size of an event in bytes.
pub const SIZE: usize = 24;

/// Addresses and sizes have 48 bits.
pub const ADDRESS_MAX: u64 = (1 << 48) - 1;
/// Ticks count from the chunk's base and have 48 bits.
pub const TICKS_MAX: u64 = (1 << 48) - 1;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EventKind {
    /// A block was allocated.
    Alloc = 1,
    /// A block was allocated, filled with zeros.
    AllocZeroed = 2,
    /// A block was freed.
    Free = 3,
    /// What a realloc freed; [`EventKind::ReallocAlloc`] follows.
    ReallocFree = 4,
    /// What a realloc allocated.
    ReallocAlloc = 5,
    /// The inner allocator refused; the address is 0, or the block's whose
    /// realloc it was.
    Failed = 6,
    /// Another thread took over the slot within a chunk: the address is its
    /// number, the size its system id. Happens to no block and is not counted
    /// as an event.
    Thread = 7,
}

impl EventKind {
    /// The kind with this number.
    #[inline]
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Alloc,
            2 => Self::AllocZeroed,
            3 => Self::Free,
            4 => Self::ReallocFree,
            5 => Self::ReallocAlloc,
            6 => Self::Failed,
            7 => Self::Thread,
            _ => return None,
        })
    }

    /// The kind's name in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alloc => "alloc",
            Self::AllocZeroed => "alloc-zeroed",
            Self::Free => "free",
            Self::ReallocFree => "realloc-free",
            Self::ReallocAlloc => "realloc-alloc",
            Self::Failed => "failed",
            Self::Thread => "thread",
        }
    }

    /// Whether the event makes a block live.
    pub fn allocates(self) -> bool {
        matches!(self, Self::Alloc | Self::AllocZeroed | Self::ReallocAlloc)
    }

    /// Whether the event ends a block.
    pub fn frees(self) -> bool {
        matches!(self, Self::Free | Self::ReallocFree)
    }
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The block's address.
    pub address: u64,
    /// The block's size in bytes, as the program asked for it.
    pub size: u64,
    /// Where the block came from; below [`crate::TAG_COUNT_MAX`] it is a tag.
    pub site: u32,
    /// When, in ticks since the chunk's base.
    pub ticks: u64,
}

impl Event {
    /// The event's words, to be stored last to first. Fields over their limits
    /// are cut to them.
    #[inline]
    pub fn encode(&self) -> [u64; 3] {
        [
            (self.address & ADDRESS_MAX) | (self.kind as u64) << 48,
            (self.size & ADDRESS_MAX) | (self.ticks >> 32) << 48,
            u64::from(self.site) | (self.ticks & 0xFFFF_FFFF) << 32,
        ]
    }

    /// Reads an event; `Ok(None)` where none was written yet.
    ///
    /// # Errors
    /// A kind or flag that has no meaning.
    #[inline]
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, FormatError> {
        let truncated = FormatError::Truncated { needed: SIZE, found: bytes.len() };
        Self::from_words(words(bytes).ok_or(truncated)?)
    }

    /// As [`Event::decode`], from the event's words.
    ///
    /// # Errors
    /// A kind or flag that has no meaning.
    #[inline]
    pub fn from_words([first, second, third]: [u64; 3]) -> Result<Option<Self>, FormatError> {
        if first == 0 {
            return Ok(None);
        }
        let flags = first >> 56;
        if flags != 0 {
            return Err(FormatError::Value { field: "event flags", value: flags });
        }
        let number = (first >> 48) as u8;
        let kind = EventKind::from_number(number)
            .ok_or(FormatError::Value { field: "event kind", value: number.into() })?;
        Ok(Some(Self {
            kind,
            address: first & ADDRESS_MAX,
            size: second & ADDRESS_MAX,
            site: third as u32,
            ticks: (second >> 48) << 32 | third >> 32,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_cut_to_their_limits() {
        let event = Event {
            kind: EventKind::Free,
            address: u64::MAX,
            size: u64::MAX,
            site: u32::MAX,
            ticks: TICKS_MAX,
        };
        let bytes = event.encode().map(u64::to_le_bytes);
        let read = Event::decode(bytes.as_flattened()).unwrap().unwrap();
        assert_eq!(read, Event { address: ADDRESS_MAX, size: ADDRESS_MAX, ..event });
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for first in [0x0100_0000_0000_0000_u64, 0x0008_0000_0000_0000, 1] {
            let bytes = [first, 0, 0].map(u64::to_le_bytes);
            assert!(Event::decode(bytes.as_flattened()).is_err(), "{first:#x}");
        }
        assert!(matches!(Event::decode(&[0; 23]), Err(FormatError::Truncated { .. })));
    }

    #[test]
    fn every_kind_is_read_as_written() {
        for number in 0..=u8::MAX {
            if let Some(kind) = EventKind::from_number(number) {
                assert_eq!(kind as u8, number);
                assert!(!(kind.allocates() && kind.frees()));
            }
        }
    }
}
