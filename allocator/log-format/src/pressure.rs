//! Budgets and what happened to them: live words, without a checksum.
//!
//! A budget has one record, written when it is set, when something happens to it,
//! and at the end. What happened stands in a ring of [`EVENT_COUNT`] records: a
//! soft limit was passed, or an allocation was refused. The first word of a record
//! is stored last; it is 0 where there is none.

use crate::TAG_COUNT_MAX;
use crate::bytes::words;

/// Words of a budget's record.
pub const BUDGET_WORD_COUNT: usize = 16;
/// Its size in bytes.
pub const BUDGET_SIZE: usize = BUDGET_WORD_COUNT * 8;
/// Most budgets of a log: one for each tag and the process's.
pub const BUDGET_COUNT_MAX: u32 = TAG_COUNT_MAX + 1;
/// The index of the process's budget, in the place of a tag's.
pub const TOTAL: u32 = TAG_COUNT_MAX;

/// Whose it is: a tag's index plus 1, or [`TOTAL`] plus 1.
pub const NUMBER: usize = 0;
/// The hard limit in bytes; all ones for none.
pub const HARD: usize = 1;
/// The soft limit likewise.
pub const SOFT: usize = 2;
/// Bytes of the hard limit that only small blocks may use.
pub const HEADROOM: usize = 3;
/// The most that was ever handed out, in bytes; some of it perhaps unused.
pub const MOST: usize = 4;
/// Allocations that found no room in it.
pub const REFUSED_COUNT: usize = 5;
/// Their bytes.
pub const REFUSED_BYTES: usize = 6;
/// How often the soft limit was passed.
pub const SOFT_COUNT: usize = 7;

/// Records of the ring of events.
pub const EVENT_COUNT: u32 = 256;
/// Sites that an event names.
pub const TOP_COUNT: usize = 8;
/// Words of an event.
pub const EVENT_WORD_COUNT: usize = TOP_AT + 2 * TOP_COUNT;
/// Its size in bytes.
pub const EVENT_SIZE: usize = EVENT_WORD_COUNT * 8;
const TOP_AT: usize = 8;

/// What happened to a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PressureKind {
    /// Its soft limit was passed.
    Soft = 1,
    /// An allocation was refused.
    Refused = 2,
    /// An allocation was refused, since the budgets could not be looked at within
    /// half a second.
    Busy = 3,
}

/// What happened to a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PressureEvent {
    /// Number of the event, from 1.
    pub number: u64,
    /// What happened.
    pub kind: PressureKind,
    /// When, in ticks.
    pub ticks: u64,
    /// Whose budget it was: a tag's index, or [`TOTAL`].
    pub budget: u32,
    /// The thread that asked for memory, by its number.
    pub thread: u32,
    /// The site of the block that it asked for.
    pub site: u32,
    /// The block's size in bytes.
    pub size: u64,
    /// What was handed out of the budget, in bytes.
    pub granted: u64,
    /// The limit that was passed, or would have been, in bytes.
    pub limit: u64,
    /// What held most of it at that moment: sites and bytes, greatest first.
    pub top: Vec<(u32, u64)>,
}

impl PressureEvent {
    /// The event's words, from what is known; `top` beyond [`TOP_COUNT`] is cut.
    pub fn encode(
        number: u64,
        kind: PressureKind,
        ticks: u64,
        (budget, thread): (u32, u32),
        (site, size): (u32, u64),
        (granted, limit): (u64, u64),
        top: &[(u32, u64)],
    ) -> [u64; EVENT_WORD_COUNT] {
        let mut words = [0; EVENT_WORD_COUNT];
        words[0] = number;
        words[1] = ticks;
        words[2] = kind as u64 | u64::from(thread) << 32;
        words[3] = u64::from(budget) | u64::from(site) << 32;
        words[4] = size;
        words[5] = granted;
        words[6] = limit;
        for (place, &(site, bytes)) in words[TOP_AT..].as_chunks_mut::<2>().0.iter_mut().zip(top) {
            *place = [u64::from(site) + 1, bytes];
        }
        words
    }

    /// Reads an event; `None` where there is none, or none that makes sense.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let words: [u64; EVENT_WORD_COUNT] = words(bytes)?;
        let kind = match words[2] as u32 {
            1 => PressureKind::Soft,
            2 => PressureKind::Refused,
            3 => PressureKind::Busy,
            _ => return None,
        };
        let top = words[TOP_AT..].as_chunks::<2>().0.iter();
        Some(Self {
            number: Some(words[0]).filter(|&number| number != 0)?,
            kind,
            ticks: words[1],
            budget: words[3] as u32,
            thread: (words[2] >> 32) as u32,
            site: (words[3] >> 32) as u32,
            size: words[4],
            granted: words[5],
            limit: words[6],
            top: top
                .map_while(|&[site, bytes]| {
                    Some((u32::try_from(site.checked_sub(1)?).ok()?, bytes))
                })
                .collect(),
        })
    }
}

/// Reads a budget's words; `None` where there is none.
pub fn decode_budget(bytes: &[u8]) -> Option<[u64; BUDGET_WORD_COUNT]> {
    words(bytes).filter(|words: &[u64; BUDGET_WORD_COUNT]| words[NUMBER] != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_as_it_was_written() {
        let top = [(7, 100), (0, 50)];
        let words = PressureEvent::encode(
            3,
            PressureKind::Refused,
            5,
            (TOTAL, 9),
            (11, 4096),
            (1 << 40, 1 << 41),
            &top,
        );
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let event = PressureEvent::decode(&bytes).unwrap();
        assert_eq!((event.number, event.kind, event.ticks), (3, PressureKind::Refused, 5));
        assert_eq!((event.budget, event.thread, event.site, event.size), (TOTAL, 9, 11, 4096));
        assert_eq!((event.granted, event.limit), (1 << 40, 1 << 41));
        assert_eq!(event.top, top);
        assert_eq!(PressureEvent::decode(&[0; EVENT_SIZE]), None);
    }
}
