//! Symbols: what functions and lines the addresses of stacks are, so that a
//! log is read where the binaries are not.
//!
//! A chunk of symbols is complete in itself: texts, each before the first
//! record that names it, and frames. It is sealed when it is written, which is
//! after the process, by a reader of the log.

use crate::FormatError;
use crate::bytes::{u8_at, u16_at, u32_at, u64_at};
use crate::chunk::{self, ChunkHeader, ChunkKind};

/// Greatest size of a text in bytes; a longer one is cut at a character.
pub const TEXT_SIZE_MAX: usize = 1536;
/// Most frames of one address: a function and what was inlined into it.
pub const FRAME_COUNT_MAX: u16 = 256;
/// Size of a frame in bytes.
pub const FRAME_SIZE: usize = 32;
const TEXT_HEADER_SIZE: usize = 4;

/// The function is inlined into that of the next frame.
pub const FLAG_INLINED: u8 = 1;
/// The function's name is not whole.
pub const FLAG_FUNCTION_CUT: u8 = 1 << 1;
/// The file's name is not whole.
pub const FLAG_FILE_CUT: u8 = 1 << 2;

const KIND_END: u8 = 0;
const KIND_TEXT: u8 = 1;
const KIND_FRAME: u8 = 2;

// A frame with two texts of its own fits any chunk.
const _: () = assert!(
    chunk::HEADER_SIZE + 2 * text_record_size(TEXT_SIZE_MAX) + FRAME_SIZE
        <= crate::CHUNK_SIZE_MIN as usize
);

/// One function that an address lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolFrame<'t> {
    /// The address as it stands in stacks.
    pub address: u64,
    /// Place among the frames of its address, the innermost at 0.
    pub depth: u16,
    /// `FLAG_` bits.
    pub flags: u8,
    /// The function's name, readable; empty where it is not known.
    pub function: &'t str,
    /// The source file; empty where it is not known.
    pub file: &'t str,
    /// The line, from 1; 0 where it is not known.
    pub line: u32,
    /// The column, from 1; 0 where it is not known.
    pub column: u32,
}

const fn text_record_size(size: usize) -> usize {
    (TEXT_HEADER_SIZE + size).next_multiple_of(8)
}

/// A chunk of symbols in the making.
#[derive(Debug)]
pub struct SymbolChunk {
    bytes: Vec<u8>,
    chunk_size: usize,
    texts: std::collections::HashMap<String, u32>,
}

impl SymbolChunk {
    /// An empty chunk of this size, which is one that a log may have.
    pub fn new(chunk_size: u32) -> Self {
        let bytes = vec![0; chunk::HEADER_SIZE];
        Self { bytes, chunk_size: chunk_size as usize, texts: Default::default() }
    }

    /// Whether nothing stands in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == chunk::HEADER_SIZE
    }

    /// Adds a frame; `false`, and nothing is added, where it does not fit. It
    /// always fits an empty chunk.
    pub fn push(&mut self, frame: &SymbolFrame<'_>) -> bool {
        let (function, is_function_cut) = cut(frame.function);
        let (file, is_file_cut) = cut(frame.file);
        let mut needed = FRAME_SIZE;
        for text in [function, file] {
            let is_new = !text.is_empty() && !self.texts.contains_key(text);
            needed += if is_new { text_record_size(text.len()) } else { 0 };
        }
        if self.bytes.len() + needed > self.chunk_size {
            return false;
        }
        let (function, file) = (self.text(function), self.text(file));
        let function_flag = if is_function_cut { FLAG_FUNCTION_CUT } else { 0 };
        let file_flag = if is_file_cut { FLAG_FILE_CUT } else { 0 };
        self.bytes.extend([KIND_FRAME, frame.flags | function_flag | file_flag]);
        self.bytes.extend(frame.depth.to_le_bytes());
        self.bytes.extend(frame.line.to_le_bytes());
        self.bytes.extend(frame.address.to_le_bytes());
        for word in [function, file, frame.column, 0] {
            self.bytes.extend(word.to_le_bytes());
        }
        true
    }

    /// The number of a text, which is written if it is not there yet.
    fn text(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(&number) = self.texts.get(text) {
            return number;
        }
        let number = self.texts.len() as u32 + 1;
        self.texts.insert(text.into(), number);
        let end = self.bytes.len() + text_record_size(text.len());
        self.bytes.extend([KIND_TEXT, 0]);
        self.bytes.extend((text.len() as u16).to_le_bytes());
        self.bytes.extend(text.as_bytes());
        self.bytes.resize(end, 0);
        number
    }

    /// The chunk's bytes at its place in the file, sealed.
    pub fn seal(mut self, index: u32) -> Vec<u8> {
        self.bytes.resize(self.chunk_size, 0);
        let header = ChunkHeader {
            kind: ChunkKind::Symbols as u16,
            index,
            owner: 0,
            sequence: 0,
            thread: 0,
            base_ticks: 0,
            first_event: 0,
            payload_checksum: Some(chunk::payload_checksum(&self.bytes)),
        };
        self.bytes[..chunk::HEADER_SIZE].copy_from_slice(&header.encode());
        self.bytes
    }
}

fn cut(text: &str) -> (&str, bool) {
    let kept = &text[..text.floor_char_boundary(TEXT_SIZE_MAX)];
    (kept, kept.len() < text.len())
}

/// Reads the frames of a chunk whose seal was checked; an error ends it.
#[derive(Debug)]
pub struct SymbolFrames<'b> {
    bytes: &'b [u8],
    at: usize,
    texts: Vec<&'b str>,
}

impl<'b> SymbolFrames<'b> {
    /// Reads all bytes of a chunk, its header included.
    pub fn new(chunk: &'b [u8]) -> Self {
        Self { bytes: chunk, at: chunk::HEADER_SIZE, texts: Vec::new() }
    }

    /// Where the next record stands, from the chunk's beginning.
    pub fn offset(&self) -> usize {
        self.at
    }

    fn read(&mut self) -> Result<Option<SymbolFrame<'b>>, FormatError> {
        loop {
            let bytes = self.bytes.get(self.at..).unwrap_or(&[]);
            match u8_at(bytes, 0).unwrap_or(KIND_END) {
                KIND_END => return Ok(None),
                KIND_TEXT => self.read_text(bytes)?,
                KIND_FRAME => {
                    let frame = self.read_frame(bytes)?;
                    self.at += FRAME_SIZE;
                    return Ok(Some(frame));
                }
                kind => return Err(FormatError::Value { field: "record", value: kind.into() }),
            }
        }
    }

    fn read_text(&mut self, bytes: &'b [u8]) -> Result<(), FormatError> {
        let truncated = FormatError::Truncated { needed: TEXT_HEADER_SIZE, found: bytes.len() };
        let size = u16_at(bytes, 2).ok_or(truncated)?.into();
        if !(1..=TEXT_SIZE_MAX).contains(&size) {
            return Err(FormatError::Limit { field: "text's size", value: size as u64 });
        }
        let needed = text_record_size(size);
        let truncated = FormatError::Truncated { needed, found: bytes.len() };
        let text = bytes.get(TEXT_HEADER_SIZE..TEXT_HEADER_SIZE + size).ok_or(truncated)?;
        let invalid = FormatError::Value { field: "text", value: self.texts.len() as u64 + 1 };
        self.texts.push(str::from_utf8(text).map_err(|_| invalid)?);
        self.at += needed;
        Ok(())
    }

    fn read_frame(&self, bytes: &'b [u8]) -> Result<SymbolFrame<'b>, FormatError> {
        let truncated = FormatError::Truncated { needed: FRAME_SIZE, found: bytes.len() };
        let bytes = bytes.get(..FRAME_SIZE).ok_or(truncated)?;
        let text = |at: usize| {
            let number = u32_at(bytes, at).ok_or(truncated)?;
            let unknown = FormatError::Limit { field: "text's number", value: number.into() };
            match number.checked_sub(1) {
                None => Ok(""),
                Some(index) => self.texts.get(index as usize).copied().ok_or(unknown),
            }
        };
        let depth = u16_at(bytes, 2).ok_or(truncated)?;
        if depth >= FRAME_COUNT_MAX {
            return Err(FormatError::Limit { field: "frame's depth", value: depth.into() });
        }
        Ok(SymbolFrame {
            address: u64_at(bytes, 8).ok_or(truncated)?,
            depth,
            flags: u8_at(bytes, 1).ok_or(truncated)?,
            function: text(16)?,
            file: text(20)?,
            line: u32_at(bytes, 4).ok_or(truncated)?,
            column: u32_at(bytes, 24).ok_or(truncated)?,
        })
    }
}

impl<'b> Iterator for SymbolFrames<'b> {
    type Item = Result<SymbolFrame<'b>, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        let frame = self.read().transpose();
        if matches!(frame, Some(Err(_))) {
            self.bytes = &[];
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: SymbolFrame<'static> = SymbolFrame {
        address: 0x5555_1234,
        depth: 0,
        flags: FLAG_INLINED,
        function: "model::load",
        file: "src/main.rs",
        line: 7,
        column: 3,
    };

    #[test]
    fn frames_are_read_as_written_and_share_their_texts() {
        let mut chunk = SymbolChunk::new(4096);
        let outer = SymbolFrame { depth: 1, flags: 0, function: "main", column: 0, ..FRAME };
        let unknown = SymbolFrame { address: 9, function: "", file: "", line: 0, ..outer };
        for frame in [FRAME, outer, unknown] {
            assert!(chunk.push(&frame));
        }
        let bytes = chunk.seal(5);
        let header = ChunkHeader::decode(&bytes, 5).unwrap().unwrap();
        assert_eq!(header.payload_checksum, Some(chunk::payload_checksum(&bytes)));
        let read: Result<Vec<_>, _> = SymbolFrames::new(&bytes).collect();
        assert_eq!(read, Ok(vec![FRAME, outer, unknown]));
        let count = bytes.windows(11).filter(|window| *window == b"src/main.rs").count();
        assert_eq!(count, 1);
    }

    #[test]
    fn any_frame_fits_an_empty_chunk_and_a_full_one_says_so() {
        let (function, file) = ("ü".repeat(2_000), "x".repeat(5_000));
        let frame = SymbolFrame { function: &function, file: &file, ..FRAME };
        let mut chunk = SymbolChunk::new(crate::CHUNK_SIZE_MIN);
        assert!(chunk.is_empty() && chunk.push(&frame));
        let mut count = 1;
        while chunk.push(&frame) {
            count += 1;
        }
        assert_eq!(count, (4096 - 64 - 2 * 1544) / 32);
        let bytes = chunk.seal(1);
        let read = SymbolFrames::new(&bytes).next().unwrap().unwrap();
        assert_eq!(read.flags, FLAG_INLINED | FLAG_FUNCTION_CUT | FLAG_FILE_CUT);
        assert_eq!((read.function.chars().count(), read.file.len()), (768, 1536));
    }

    #[test]
    fn no_bytes_upset_the_reader() {
        let mut chunk = SymbolChunk::new(4096);
        assert!(chunk.push(&FRAME));
        let whole = chunk.seal(1);
        for bit in 0..200 * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(SymbolFrames::new(&bytes).count() <= 200, "bit {bit}");
        }
        for size in 0..200 {
            assert!(SymbolFrames::new(&whole[..size]).count() <= 1, "{size} bytes");
        }
    }
}
