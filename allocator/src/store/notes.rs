//! What the program says about itself.

use core::sync::atomic::Ordering;

use scrubjay_log_format::{Note, note, process};

use crate::clock;
use crate::limits::NOTES_MAX;

use super::{Store, store_bytes};

impl Store {
    /// Adds a note. The caller holds the lock on tags, which guards notes, too.
    pub(crate) fn add_note(&self, name: &str, value: &str) {
        let index = self.note_count.load(Ordering::Relaxed);
        let place = (index < NOTES_MAX as u32).then(|| self.note_or_take(index)).flatten();
        let Some(words) = place else {
            self.process()[process::NOTE_OVERFLOW_COUNT].fetch_add(1, Ordering::Relaxed);
            return;
        };
        let is_cut = name.len() > note::NAME_SIZE_MAX;
        let note = Note { index, ticks: clock::ticks(), name, value, is_cut };
        store_bytes(words, &note.encode());
        self.note_count.store(index + 1, Ordering::Release);
    }

    /// Begins with the notes of another store: of before a late start, or of a
    /// forked child's parent.
    pub(crate) fn copy_notes(&self, from: &Self) {
        let count = from.note_count.load(Ordering::Acquire);
        for index in 0..count {
            let (Some(from), Some(to)) = (from.note(index), self.note_or_take(index)) else {
                continue;
            };
            for (from, to) in from.iter().zip(to).rev() {
                to.store(from.load(Ordering::Relaxed), Ordering::Release);
            }
        }
        self.note_count.store(count, Ordering::Release);
        let overflow = &from.process()[process::NOTE_OVERFLOW_COUNT];
        self.process()[process::NOTE_OVERFLOW_COUNT]
            .store(overflow.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
