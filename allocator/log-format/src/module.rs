//! Loaded modules: the program and its libraries, by which addresses become
//! functions and lines. Static but for the last word, with a checksum.

use crate::FormatError;
use crate::bytes::{put, put_text, text, u32_at, u64_at};

/// Size of a record in bytes.
pub const SIZE: usize = 1024;
/// Most modules that a log can hold; those beyond are counted.
pub const COUNT_MAX: u32 = 4096;
/// Greatest size of a path; the end of a longer one is kept.
pub const PATH_SIZE_MAX: usize = 896;
/// Greatest size of a build-id in bytes.
pub const BUILD_ID_SIZE_MAX: usize = 32;
const PATH_AT: usize = 96;
const CHECKSUM_AT: usize = 1008;
/// Where the moment stands at which the module was gone: the only live word.
pub const UNLOADED_AT: usize = 1016;

/// The program itself.
pub const FLAG_MAIN: u32 = 1;
/// The path is not whole.
pub const FLAG_CUT: u32 = 1 << 1;

/// One module. Who encodes may hold the texts borrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module<Text = String, Bytes = Vec<u8>> {
    /// Number of the module, from 0, in the order in which they were seen.
    pub index: u32,
    /// `FLAG_` bits.
    pub flags: u32,
    /// What is added to the addresses of its file.
    pub bias: u64,
    /// Its lowest address in memory.
    pub start: u64,
    /// The first address behind it.
    pub end: u64,
    /// When it was first seen, in ticks.
    pub loaded_ticks: u64,
    /// When it was found to be gone, in ticks; 0 if it was not.
    pub unloaded_ticks: u64,
    /// The linker's identity of its content; empty where it has none.
    pub build_id: Bytes,
    /// Where its file was.
    pub path: Text,
}

impl<Text: AsRef<[u8]>, Bytes: AsRef<[u8]>> Module<Text, Bytes> {
    /// The record's bytes.
    pub fn encode(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let path = self.path.as_ref();
        let excess = path.len().saturating_sub(PATH_SIZE_MAX);
        let flags = self.flags | if excess > 0 { FLAG_CUT } else { 0 };
        put(&mut bytes, 0, &(self.index + 1).to_le_bytes());
        put(&mut bytes, 4, &flags.to_le_bytes());
        for (at, value) in
            [(8, self.bias), (16, self.start), (24, self.end), (32, self.loaded_ticks)]
        {
            put(&mut bytes, at, &value.to_le_bytes());
        }
        let build_id = self.build_id.as_ref();
        let build_id = &build_id[..build_id.len().min(BUILD_ID_SIZE_MAX)];
        put(&mut bytes, 40, &(build_id.len() as u32).to_le_bytes());
        put(&mut bytes, 48, build_id);
        put_text(&mut bytes[PATH_AT..PATH_AT + PATH_SIZE_MAX], &path[excess..]);
        let checksum = crc32fast::hash(&bytes[..CHECKSUM_AT]);
        put(&mut bytes, CHECKSUM_AT, &checksum.to_le_bytes());
        put(&mut bytes, UNLOADED_AT, &self.unloaded_ticks.to_le_bytes());
        bytes
    }
}

impl Module {
    /// Reads a record; `Ok(None)` where there is none (its first word is
    /// stored last).
    ///
    /// # Errors
    /// A record that is neither empty nor whole.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, FormatError> {
        let truncated = FormatError::Truncated { needed: SIZE, found: bytes.len() };
        let bytes = bytes.get(..SIZE).ok_or(truncated)?;
        let (u32, u64) =
            (|at| u32_at(bytes, at).ok_or(truncated), |at| u64_at(bytes, at).ok_or(truncated));
        let number = u32(0)?;
        if number == 0 {
            return Ok(None);
        }
        let (stored, computed) = (u32(CHECKSUM_AT)?, crc32fast::hash(&bytes[..CHECKSUM_AT]));
        if stored != computed {
            return Err(FormatError::Checksum { stored, computed });
        }
        let build_id_size = u32(40)? as usize;
        let build_id = bytes[48..PATH_AT]
            .get(..build_id_size)
            .filter(|_| build_id_size <= BUILD_ID_SIZE_MAX)
            .ok_or(FormatError::Limit { field: "build-id", value: build_id_size as u64 })?;
        Ok(Some(Self {
            index: number - 1,
            flags: u32(4)?,
            bias: u64(8)?,
            start: u64(16)?,
            end: u64(24)?,
            loaded_ticks: u64(32)?,
            unloaded_ticks: u64(UNLOADED_AT)?,
            build_id: build_id.to_vec(),
            path: text(&bytes[PATH_AT..PATH_AT + PATH_SIZE_MAX]),
        }))
    }

    /// Whether an address lies within the module.
    pub fn contains(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module() -> Module {
        Module {
            index: 1,
            flags: FLAG_MAIN,
            bias: 0x5000,
            start: 0x5000,
            end: 0x9000,
            loaded_ticks: 7,
            unloaded_ticks: 0,
            build_id: vec![1, 2, 3],
            path: "/usr/bin/model".to_owned(),
        }
    }

    #[test]
    fn every_changed_bit_is_found_but_in_the_live_word() {
        let bytes = module().encode();
        assert_eq!(Module::decode(&bytes), Ok(Some(module())));
        for bit in 0..(CHECKSUM_AT + 4) * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            // As if killed before the last store: a reader misses the record.
            let is_blank = changed[..4] == [0; 4];
            assert!(is_blank || Module::decode(&changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn of_a_long_path_the_end_is_kept() {
        let path = format!("/{}/model", "x".repeat(2_000));
        let read = Module::decode(&Module { path, ..module() }.encode()).unwrap().unwrap();
        assert!(read.path.ends_with("x/model"));
        assert_eq!((read.path.len(), read.flags), (PATH_SIZE_MAX, FLAG_MAIN | FLAG_CUT));
    }
}
