//! Budgets and what happened to them, in the log.

use core::sync::atomic::Ordering;

use scrubjay_log_format::pressure::{
    BUDGET_WORD_COUNT, EVENT_COUNT, EVENT_WORD_COUNT, PressureEvent,
};
use scrubjay_log_format::process;

use super::Store;

impl Store {
    /// Writes a budget's record, whose first word makes it one.
    pub(crate) fn write_budget(&self, index: u32, record: [u64; BUDGET_WORD_COUNT]) {
        let Some(words) = self.budget_or_take(index) else { return };
        for (word, value) in words.iter().zip(record).rev() {
            word.store(value, Ordering::Release);
        }
    }

    /// Adds an event, which `encode` makes of its number, in the place of the oldest.
    /// Answers the number; 0 where there is no room.
    pub(crate) fn add_pressure_event(
        &self,
        encode: impl FnOnce(u64) -> [u64; EVENT_WORD_COUNT],
    ) -> u64 {
        let count = &self.process()[process::PRESSURE_EVENT_COUNT];
        let number = count.fetch_add(1, Ordering::AcqRel) + 1;
        let index = (number % u64::from(EVENT_COUNT)) as u32;
        let Some(words) = self.pressure_event_or_take(index) else { return 0 };
        words[0].swap(0, Ordering::AcqRel);
        for (word, value) in words.iter().zip(encode(number)).rev() {
            word.store(value, Ordering::Release);
        }
        number
    }

    /// The event with a number, unless a later one has its place.
    pub(crate) fn pressure_event(&self, number: u64) -> Option<PressureEvent> {
        let words = self.pressure_event_or_take((number % u64::from(EVENT_COUNT)) as u32)?;
        let bytes = words.each_ref().map(|word| word.load(Ordering::Acquire).to_le_bytes());
        let event = PressureEvent::decode(bytes.as_flattened())?;
        // Whoever writes it anew takes the number away first.
        let is_whole = event.number == number && words[0].load(Ordering::Acquire) == number;
        is_whole.then_some(event)
    }

    /// How many events there were.
    pub(crate) fn pressure_event_count(&self) -> u64 {
        self.process()[process::PRESSURE_EVENT_COUNT].load(Ordering::Acquire)
    }
}
