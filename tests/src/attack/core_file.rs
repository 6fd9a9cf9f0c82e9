//! A core file: a process's memory and its registers, as they were written down
//! when it died.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::memory::{Stretch, read_stretches};

const HEADER_SIZE: usize = 64;
const SEGMENT_SIZE: usize = 56;
/// Kinds of segments: memory, notes.
const LOAD: u32 = 1;
const NOTE: u32 = 4;
/// Kinds of notes that hold registers: general, floating point, and those of
/// the machine, vectors among them, from 0x100 on.
const REGISTERS: [u32; 2] = [1, 2];
const MACHINE_REGISTERS: std::ops::Range<u32> = 0x100..0x1000;
/// Greatest size of all notes together, in bytes.
const NOTES_SIZE_MAX: u64 = 64 << 20;

/// A core file of a 64-bit little-endian machine.
pub struct Core {
    file: File,
    segments: Vec<Stretch>,
    notes: Vec<(u64, u64)>,
}

/// A note: what the kernel wrote down beside memory.
pub struct Note {
    kind: u32,
    /// Where it stands in the file.
    pub offset: u64,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Note {
    /// What it is, for a report.
    pub fn name(&self) -> &'static str {
        if REGISTERS.contains(&self.kind) || MACHINE_REGISTERS.contains(&self.kind) {
            "registers, in the core file's notes"
        } else {
            "the core file's notes"
        }
    }
}

impl Core {
    /// Opens a core file.
    ///
    /// # Errors
    /// A file that is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut header = [0; HEADER_SIZE];
        file.read_exact_at(&mut header, 0)?;
        if !header.starts_with(b"\x7fELF\x02\x01") || number(&header, 16, 2) != 4 {
            return Err(io::Error::other("not a core file of a 64-bit machine"));
        }
        let (first, count) = (number(&header, 32, 8), number(&header, 56, 2));
        let mut core = Self { file, segments: Vec::new(), notes: Vec::new() };
        for index in 0..count {
            let mut segment = [0; SEGMENT_SIZE];
            core.file.read_exact_at(&mut segment, first + index * SEGMENT_SIZE as u64)?;
            let [offset, start, size] = [8, 16, 32].map(|at| number(&segment, at, 8));
            match number(&segment, 0, 4) as u32 {
                LOAD if size > 0 => {
                    core.segments.push(Stretch { start, end: start + size, offset });
                }
                NOTE => core.notes.push((offset, size)),
                _ => {}
            }
        }
        core.segments.sort_by_key(|segment| segment.start);
        Ok(core)
    }

    /// Calls `see` with each piece of memory, as [`super::Memory::read`] does.
    ///
    /// # Errors
    /// A file that is cut off.
    pub fn read(&self, see: impl FnMut(u64, &[u8])) -> io::Result<u64> {
        let segments = self.segments.iter().copied();
        let cut_off = "the core file is cut off";
        let (size, refused) = read_stretches(&self.file, segments, cut_off, see)?;
        if refused.is_empty() { Ok(size) } else { Err(io::Error::other("the core file refuses")) }
    }

    /// All notes.
    ///
    /// # Errors
    /// A file that is cut off.
    pub fn notes(&self) -> io::Result<Vec<Note>> {
        let mut notes = Vec::new();
        for &(start, size) in &self.notes {
            if size > NOTES_SIZE_MAX {
                return Err(io::Error::other("notes of a size that cannot be"));
            }
            let mut bytes = vec![0; size as usize];
            self.file.read_exact_at(&mut bytes, start)?;
            let mut at = 0;
            while at + 12 <= bytes.len() {
                let [name, content] = [0, 4].map(|field| number(&bytes, at + field, 4) as usize);
                let kind = number(&bytes, at + 8, 4) as u32;
                let from = at + 12 + name.next_multiple_of(4);
                let Some(content) = bytes.get(from..from + content) else { break };
                notes.push(Note { kind, offset: start + from as u64, bytes: content.to_vec() });
                at = from + content.len().next_multiple_of(4);
            }
        }
        Ok(notes)
    }
}

/// A little-endian number of `size` bytes.
fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    let mut word = [0; 8];
    word[..size].copy_from_slice(&bytes[at..at + size]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_registers_of_a_core_file_are_read() {
        let mut core = vec![0; HEADER_SIZE + 2 * SEGMENT_SIZE];
        core[..6].copy_from_slice(b"\x7fELF\x02\x01");
        core[16] = 4;
        core[32] = HEADER_SIZE as u8;
        core[56] = 2;
        let note_at = core.len() as u64;
        for (segment, kind, words) in
            [(0, NOTE, [note_at, 0, 12 + 8 + 4]), (1, LOAD, [note_at + 24, 0x7000, 5])]
        {
            let at = HEADER_SIZE + segment * SEGMENT_SIZE;
            core[at] = kind as u8;
            for (field, word) in [8, 16, 32].into_iter().zip(words) {
                core[at + field..at + field + 8].copy_from_slice(&word.to_le_bytes());
            }
        }
        for word in [5_u32, 4, 1] {
            core.extend(word.to_le_bytes());
        }
        core.extend(b"CORE\0\0\0\0regsbytes");
        let folder = crate::folder::Folder::new();
        std::fs::write(folder.join("core"), &core).unwrap();

        let core = Core::open(&folder.join("core")).unwrap();
        let mut seen = Vec::new();
        assert_eq!(core.read(|address, bytes| seen.push((address, bytes.to_vec()))).unwrap(), 5);
        assert_eq!(seen, [(0x7000, b"bytes".to_vec())]);
        let notes = core.notes().unwrap();
        assert_eq!(notes.len(), 1);
        assert_eq!(
            (notes[0].name(), &notes[0].bytes[..]),
            ("registers, in the core file's notes", &b"regs"[..])
        );
        assert!(Core::open(Path::new("/proc/self/exe")).is_err());
    }
}
