//! The log of a killed process, settled in the most naive way: what the ledger
//! lacks or has more than the journal must be an event in flight, or a chunk
//! that a ring was overwriting.

use std::collections::{BTreeMap, BTreeSet};

use scrubjay_log_format::{process, thread};

use crate::figures::Figures;
use crate::log::{Log, Record};

/// What a kill left behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left {
    /// Slots with an event in flight.
    pub in_flight: usize,
    /// Slots and tags with events in chunks that were being overwritten.
    pub going: usize,
    /// Of these, where not all of them were counted yet.
    pub unsettled: usize,
}

/// Checks each slot and tag, and the chunks.
///
/// # Panics
/// Where something else is missing; `largest` is the greatest size of a block.
pub fn check(log: &Log, largest: u64) -> Left {
    let (journal, going) = (sums(log, &log.events), sums(log, &log.going));
    let keys: BTreeSet<_> = log.cells.keys().chain(journal.keys()).chain(going.keys()).collect();
    let mut left = Left { going: going.len(), ..Left::default() };
    for key in keys {
        let of = |from: &BTreeMap<_, Figures>| from.get(key).copied().unwrap_or_default();
        let cell = log.cells.get(key).copied().unwrap_or_default();
        let told = (of(&journal) + Figures::dropped(&cell)).numbers();
        let counted = Figures::of_cell(&cell).of_events().numbers();
        let going = of(&going).of_events().numbers();
        // Of each kind one event, begun and not over.
        let event_count = in_flight(log, key.0);
        let mut is_unsettled = false;
        for (index, ((told, counted), going)) in told.iter().zip(counted).zip(going).enumerate() {
            let lacking = counted.wrapping_sub(*told) as i64;
            let is_bytes = index % 2 == 0 && index < 4;
            let slack = event_count * if is_bytes { largest } else { 1 };
            assert!(
                (-(slack as i64)..=going as i64).contains(&lacking),
                "{key:?}, figure {index}: {told} told, {counted} counted, {going} going"
            );
            is_unsettled |= lacking > 0;
        }
        left.unsettled += usize::from(is_unsettled);
    }
    left.in_flight = log.threads.keys().filter(|&&slot| in_flight(log, slot) > 0).count();
    check_chunks(log);
    left
}

fn sums(log: &Log, records: &[Record]) -> BTreeMap<(u32, u32), Figures> {
    let mut sums: BTreeMap<_, Figures> = BTreeMap::new();
    for Record { slot, event, .. } in records {
        sums.entry((*slot, log.tag_of(event.site))).or_default().count(event);
    }
    sums
}

fn in_flight(log: &Log, slot: u32) -> u64 {
    let Some(words) = log.threads.get(&slot) else { return 0 };
    match slot {
        0 => words.words[thread::SEQUENCE] - words.words[thread::FINISHED],
        _ => u64::from(words.in_flight()),
    }
}

/// Chunks that were taken were found, overwritten, or about to be begun.
fn check_chunks(log: &Log) {
    let taken: u64 = log.threads.values().map(|slot| slot.words[thread::CHUNK_COUNT]).sum();
    let found: u64 = log.journal_chunks.values().sum();
    let overwritten = log.process[process::OVERWRITTEN_CHUNK_COUNT];
    let begun_at_most = log.threads.len() as u64;
    assert!(log.going_chunks <= begun_at_most, "{} chunks are going", log.going_chunks);
    let range = taken.saturating_sub(begun_at_most)..=taken + log.going_chunks;
    let sum = found + overwritten;
    assert!(range.contains(&sum), "{taken} taken, {found} found, {overwritten} overwritten");
}
