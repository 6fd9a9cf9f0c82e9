//! A log as a file of chunks, read by offset into one buffer.
//!
//! Read, not mapped: a log may be truncated by others while it is read, and a
//! mapping would make that a SIGBUS; and what was read does not count as this
//! process's memory.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use scrubjay_log_format::{ChunkHeader, ChunkKind, FileHeader, chunk, header, process};

use super::damage::Damage;
use crate::error::Error;

/// An open log whose file header is in order.
#[derive(Debug)]
pub struct LogFile {
    file: File,
    path: PathBuf,
    size: u64,
    /// The version of its format.
    pub version: u32,
    /// What stands in the file header.
    pub header: FileHeader,
    /// The process words, by the constants of [`process`].
    pub process: [u64; process::WORD_COUNT],
    cut_short: Option<Damage>,
}

/// What stands at a chunk's place.
#[derive(Debug)]
pub enum Place {
    /// Nothing yet: room that was reserved.
    Unused,
    /// A chunk with a header in order.
    Chunk(ChunkHeader),
    /// Something that is neither.
    Damaged(Damage),
}

impl LogFile {
    /// Opens a log and reads its first chunk.
    ///
    /// # Errors
    /// Where the file cannot be read or its header is not in order.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let path = path.to_path_buf();
        let read_error = |source| Error::Read { path: path.clone(), source };
        // Looked at before it is opened: opening a pipe would wait.
        if !std::fs::metadata(&path).map_err(read_error)?.is_file() {
            return Err(Error::NotAFile(path));
        }
        let file = File::open(&path).map_err(read_error)?;
        let size = file.metadata().map_err(read_error)?.len();
        let mut start = [0; process::OFFSET + process::SIZE];
        let found = read_up_to(&file, &mut start, 0).map_err(read_error)?;
        let header = FileHeader::decode(&start[..found.min(header::SIZE)])
            .map_err(|source| Error::Header { path: path.clone(), source })?;
        let version = start[8..12].iter().rev().fold(0, |sum, &byte| sum << 8 | u32::from(byte));
        let words = process::decode(&start[..found]);
        let cut_short = cut_short(size, &header, words.as_ref());
        let process = words.unwrap_or([0; process::WORD_COUNT]);
        Ok(Self { file, path, size, version, header, process, cut_short })
    }

    /// The path by which it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's size in bytes when it was opened.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether the file ends before what was in use of it.
    pub fn cut_short(&self) -> Option<&Damage> {
        self.cut_short.as_ref()
    }

    /// How many chunks the file has room for, a last one cut short included.
    pub fn chunk_count(&self) -> u32 {
        let count = self.size.div_ceil(u64::from(self.header.chunk_size));
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Where a chunk begins in the file.
    pub fn offset(&self, index: u32) -> u64 {
        u64::from(index) * u64::from(self.header.chunk_size)
    }

    /// Whether the process that writes this log is there: it holds a lock as
    /// long as it lives.
    pub fn is_being_written(&self) -> bool {
        match self.file.try_lock_shared() {
            Ok(()) => {
                // A lock that cannot be given back ends with this process.
                drop(self.file.unlock());
                false
            }
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(_)) => false,
        }
    }

    /// All bytes of chunk 0 that the file has.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn first_chunk(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; self.header.chunk_size as usize];
        let found = self.read(0, 0, &mut bytes)?;
        bytes.truncate(found);
        Ok(bytes)
    }

    /// Reads the bytes of a chunk's place from its `from`th byte on, as far as
    /// the file goes.
    fn read(&self, index: u32, from: usize, buffer: &mut [u8]) -> Result<usize, Error> {
        read_up_to(&self.file, buffer, self.offset(index) + from as u64)
            .map_err(|source| Error::Read { path: self.path.clone(), source })
    }
}

/// Whether the file ends before what was handed out of it: at chunk 0, or
/// later by the count of chunks. A dump leaves out the journal's.
fn cut_short(
    size: u64,
    header: &FileHeader,
    words: Option<&[u64; process::WORD_COUNT]>,
) -> Option<Damage> {
    let chunk_size = u64::from(header.chunk_size);
    let counted = words.map_or(1, |words| words[process::CHUNK_COUNT]);
    let counted = if header.has(header::FLAG_DUMP) { 1 } else { counted.max(1) };
    let needed = counted.saturating_mul(chunk_size);
    let chunk = u32::try_from(size / chunk_size).unwrap_or(u32::MAX);
    let what = format!("the file is cut short: {needed} bytes were in use, {size} are there");
    (size < needed).then_some(Damage { offset: size, chunk, what })
}

/// Reads until the buffer is full or the file ends.
fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut found = 0;
    while found < buffer.len() {
        match file.read_at(&mut buffer[found..], offset + found as u64) {
            Ok(0) => break,
            Ok(count) => found += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Goes through the places of a log, one at a time, with one buffer.
#[derive(Debug)]
pub struct Chunks<'f> {
    file: &'f LogFile,
    next: u32,
    buffer: Vec<u8>,
    found: usize,
}

impl<'f> Chunks<'f> {
    /// Starts behind chunk 0.
    pub fn new(file: &'f LogFile) -> Self {
        Self { file, next: 1, buffer: vec![0; file.header.chunk_size as usize], found: 0 }
    }

    /// Goes on at a place.
    pub fn go_to(&mut self, index: u32) {
        self.next = index;
    }

    /// Whether the chunk whose header was read last is one that a ring is
    /// overwriting.
    pub fn is_going(&self) -> bool {
        chunk::is_going(&self.buffer)
    }

    /// Goes to the next place and reads the header there; `None` at the end.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn next(&mut self) -> Result<Option<(u32, Place)>, Error> {
        let index = self.next;
        if index >= self.file.chunk_count() {
            return Ok(None);
        }
        self.next += 1;
        self.found = self.file.read(index, 0, &mut self.buffer[..chunk::HEADER_SIZE])?;
        let place = match ChunkHeader::decode(&self.buffer[..self.found], index) {
            Ok(None) => Place::Unused,
            Ok(Some(header)) => Place::Chunk(header),
            // Room at the end of the file that was cut short.
            Err(_) if self.buffer[..self.found].iter().all(|&byte| byte == 0) => Place::Unused,
            Err(error) => Place::Damaged(self.damage(index, 0, error.to_string())),
        };
        Ok(Some((index, place)))
    }

    /// Reads all of the chunk whose header was read last; the damage where it
    /// is cut short or not what was sealed.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn load(&mut self, header: &ChunkHeader) -> Result<Result<&[u8], Damage>, Error> {
        self.load_place()?;
        let kind = ChunkKind::from_number(header.kind).map_or("unknown", ChunkKind::name);
        if self.found < self.buffer.len() {
            let what = format!(
                "{kind} chunk cut short: {} bytes needed, {} there",
                self.buffer.len(),
                self.found
            );
            return Ok(Err(self.damage(header.index, self.found, what)));
        }
        if let Some(stored) = header.payload_checksum {
            let computed = chunk::payload_checksum(&self.buffer);
            if stored != computed {
                let what = format!(
                    "sealed {kind} chunk: checksum {stored:08x} stored, {computed:08x} computed"
                );
                return Ok(Err(self.damage(header.index, 0, what)));
            }
        }
        Ok(Ok(&self.buffer))
    }

    /// Reads all that stands at the place whose header was read last.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn load_place(&mut self) -> Result<&[u8], Error> {
        if self.found == chunk::HEADER_SIZE {
            let rest = &mut self.buffer[chunk::HEADER_SIZE..];
            self.found += self.file.read(self.next - 1, chunk::HEADER_SIZE, rest)?;
        }
        Ok(&self.buffer[..self.found])
    }

    /// Hands out the bytes read last in exchange for a buffer to go on with.
    pub fn exchange(&mut self, mut buffer: Vec<u8>) -> Vec<u8> {
        buffer.resize(self.buffer.len(), 0);
        std::mem::replace(&mut self.buffer, buffer)
    }

    fn damage(&self, index: u32, at: usize, what: String) -> Damage {
        Damage { offset: self.file.offset(index) + at as u64, chunk: index, what }
    }
}
