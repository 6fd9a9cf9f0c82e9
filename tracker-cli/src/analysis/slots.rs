//! What thread slots say of their events: finished, and in flight.

use scrubjay_log_format::thread::{self, ThreadRecord};
use scrubjay_log_format::{Mode, process};

use super::file::LogFile;
use super::ledger::Ledger;

/// How many events a slot has finished.
pub fn finished_events(slot: u32, thread: &ThreadRecord) -> u64 {
    if slot == 0 { thread.words[thread::FINISHED] } else { thread.event_count() }
}

/// How many events of a slot were begun and not finished: at most one, but
/// for the orphan slot, which threads share.
pub fn slot_in_flight(slot: u32, thread: &ThreadRecord) -> u64 {
    if slot == 0 {
        thread.words[thread::SEQUENCE].saturating_sub(thread.words[thread::FINISHED])
    } else {
        thread.in_flight().into()
    }
}

/// The mode that was in force last.
pub fn last_mode(file: &LogFile) -> Mode {
    match file.process[process::MODE] & (process::MODE_STACKS - 1) {
        1 => Mode::Count,
        2 => Mode::Sample,
        3 => Mode::Journal,
        // A log of version 1.
        _ => file.header.mode,
    }
}

impl Ledger {
    /// How many slots were within an event when the process died.
    pub fn in_flight(&self) -> u64 {
        let in_flight = |(&slot, thread)| slot_in_flight(slot, thread);
        self.threads.iter().map(in_flight).fold(0, u64::saturating_add)
    }

    /// How many events the slots have finished.
    pub fn event_count(&self) -> u64 {
        let finished = |(&slot, thread): (&u32, &ThreadRecord)| finished_events(slot, thread);
        self.threads.iter().map(finished).fold(0, u64::wrapping_add)
    }

    /// How many slots never moved to a log that began late.
    pub fn laggards(&self) -> u64 {
        let slots = self.threads.values();
        slots.filter(|slot| slot.words[thread::LAGGARD] != 0).count() as u64
    }

    /// How many threads may have been within an event when the process died:
    /// in a journal those that say so; without one, all that had not ended.
    pub fn in_flight_max(&self, file: &LogFile) -> u64 {
        self.threads.keys().map(|&slot| self.slot_in_flight_max(file, slot)).sum()
    }

    /// The same of one slot.
    pub fn slot_in_flight_max(&self, file: &LogFile, slot: u32) -> u64 {
        let Some(thread) = self.threads.get(&slot) else { return 0 };
        match (last_mode(file), slot) {
            (Mode::Journal, _) => slot_in_flight(slot, thread),
            // Whoever has no slot of their own counts there.
            (Mode::Count | Mode::Sample, 0) => file.process[process::THREAD_LIVE_MAX].max(1),
            (Mode::Count | Mode::Sample, _) => {
                (thread.words[thread::STATE] != thread::STATE_ENDED).into()
            }
        }
    }
}
