//! Notes: what the program says about itself, by name and value. Static, with
//! a checksum. Of two notes of one name the later one holds.

use crate::FormatError;
use crate::bytes::{put, put_text, text, u32_at, u64_at};

/// Size of a note in bytes.
pub const SIZE: usize = 320;
/// Most notes that a log can hold; those beyond are counted.
pub const COUNT_MAX: u32 = 1024;
/// Greatest size of a name in bytes.
pub const NAME_SIZE_MAX: usize = 48;
/// Greatest size of a value in bytes; a longer one is cut at a character.
pub const VALUE_SIZE_MAX: usize = 240;
const VALUE_AT: usize = 16 + NAME_SIZE_MAX;
const CHECKSUM_AT: usize = SIZE - 4;

/// The value is not whole.
pub const FLAG_CUT: u32 = 1;

/// One note. Who encodes may hold the texts borrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<Text = String> {
    /// Number of the note, from 0, in the order in which they were made.
    pub index: u32,
    /// When it was made, in ticks.
    pub ticks: u64,
    /// What it is about.
    pub name: Text,
    /// What it says.
    pub value: Text,
    /// Whether the value is cut.
    pub is_cut: bool,
}

impl<Text: AsRef<[u8]>> Note<Text> {
    /// The note's bytes.
    pub fn encode(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let is_cut = self.is_cut || self.value.as_ref().len() > VALUE_SIZE_MAX;
        put(&mut bytes, 0, &(self.index + 1).to_le_bytes());
        put(&mut bytes, 4, &(u32::from(is_cut) * FLAG_CUT).to_le_bytes());
        put(&mut bytes, 8, &self.ticks.to_le_bytes());
        put_text(&mut bytes[16..VALUE_AT], self.name.as_ref());
        put_text(&mut bytes[VALUE_AT..VALUE_AT + VALUE_SIZE_MAX], self.value.as_ref());
        let checksum = crc32fast::hash(&bytes[..CHECKSUM_AT]);
        put(&mut bytes, CHECKSUM_AT, &checksum.to_le_bytes());
        bytes
    }
}

impl Note {
    /// Reads a note; `Ok(None)` where there is none (its first word is stored
    /// last).
    ///
    /// # Errors
    /// A record that is neither empty nor whole.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, FormatError> {
        let truncated = FormatError::Truncated { needed: SIZE, found: bytes.len() };
        let bytes = bytes.get(..SIZE).ok_or(truncated)?;
        let number = u32_at(bytes, 0).ok_or(truncated)?;
        if number == 0 {
            return Ok(None);
        }
        let stored = u32_at(bytes, CHECKSUM_AT).ok_or(truncated)?;
        let computed = crc32fast::hash(&bytes[..CHECKSUM_AT]);
        if stored != computed {
            return Err(FormatError::Checksum { stored, computed });
        }
        Ok(Some(Self {
            index: number - 1,
            ticks: u64_at(bytes, 8).ok_or(truncated)?,
            name: text(&bytes[16..VALUE_AT]),
            value: text(&bytes[VALUE_AT..VALUE_AT + VALUE_SIZE_MAX]),
            is_cut: u32_at(bytes, 4).ok_or(truncated)? & FLAG_CUT != 0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_bit_is_found() {
        let (name, value) = ("model".to_owned(), "llama-7b".to_owned());
        let note = Note { index: 0, ticks: 5, name, value, is_cut: false };
        let bytes = note.encode();
        assert_eq!(Note::decode(&bytes), Ok(Some(note)));
        for bit in 0..SIZE * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            // As if killed before the last store: a reader misses the record.
            let is_blank = changed[..4] == [0; 4];
            assert!(is_blank || Note::decode(&changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_long_value_says_that_it_was_cut() {
        let value = "ü".repeat(200);
        let note = Note { index: 0, ticks: 5, name: "a", value: value.as_str(), is_cut: false };
        let read = Note::decode(&note.encode()).unwrap().unwrap();
        assert_eq!((read.value.chars().count(), read.is_cut), (120, true));
    }
}
