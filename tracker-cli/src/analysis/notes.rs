//! Notes: what the program says about itself. Of two of one name the later one
//! holds.

use scrubjay_log_format::{FormatError, Note};
use serde::Serialize;

/// The notes of a log by their numbers.
#[derive(Debug, Default)]
pub struct Notes {
    notes: Vec<Note>,
}

/// A note that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoteRow {
    pub name: String,
    pub value: String,
    /// The value was longer than a log keeps.
    pub is_cut: bool,
}

impl Notes {
    /// Takes in the record at an index.
    ///
    /// # Errors
    /// A record that is neither empty nor whole, or stands where it does not
    /// belong.
    pub fn record(&mut self, index: u32, record: &[u8]) -> Result<(), FormatError> {
        match Note::decode(record)? {
            None => Ok(()),
            Some(note) if note.index != index => {
                Err(FormatError::Misplaced { stored: note.index, found: index })
            }
            Some(note) => {
                self.notes.push(note);
                Ok(())
            }
        }
    }

    /// How many there are, those that no longer hold included.
    pub fn count(&self) -> u64 {
        self.notes.len() as u64
    }

    /// How many are missing below the last one.
    pub fn missing(&self) -> u64 {
        let end = self.notes.iter().map(|note| u64::from(note.index) + 1).max().unwrap_or(0);
        end.saturating_sub(self.count())
    }

    /// Those that hold, each where its name was first noted.
    pub fn rows(&self) -> Vec<NoteRow> {
        let mut notes: Vec<&Note> = self.notes.iter().collect();
        notes.sort_by_key(|note| note.index);
        let mut rows: Vec<NoteRow> = Vec::new();
        for note in notes {
            let Note { name, value, is_cut, .. } = note.clone();
            match rows.iter_mut().find(|row| row.name == name) {
                Some(row) => (row.value, row.is_cut) = (value, is_cut),
                None => rows.push(NoteRow { name, value, is_cut }),
            }
        }
        rows
    }
}
