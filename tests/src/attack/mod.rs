//! An attack on a living process: another process reads all of its memory, and
//! its log, and looks for secrets that it knows.
//!
//! The attacker knows the secrets, so what it finds is proof. What it looks for
//! are windows of 8 bytes of a secret, at any alignment ([`Windows`]); where it
//! looks is every readable mapping ([`Memory`]); what a place in memory is, a
//! live block, a freed one, or none of the allocator's, it learns from the log
//! ([`Places`]). [`Residue`] is what it found.
//!
//! ```text
//! /proc/PID/mem ──▶ Memory ─┐
//!   a core file ──▶ Core ───┴─▶ Windows: which window? ─┐
//!       the log ──▶ Places: which place? ───────────────┴─▶ Residue
//! ```

mod blocks;
mod core_file;
mod memory;
mod places;
mod residue;
mod windows;

pub use blocks::{Block, Spans, ever_allocated};
pub use core_file::Core;
pub use memory::{Mapping, Memory};
pub use places::{Place, Places};
pub use residue::{Finding, Residue, Row};
pub use windows::{DISTINCT_MIN, Secret, WINDOW_SIZE, Windows};

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use places::Cursor;
use residue::Collector;

/// A process that stands still, and what is known of its memory.
pub struct Target {
    memory: Memory,
    places: Places,
}

impl Target {
    /// A process that writes a journal. `live` are its live blocks.
    ///
    /// # Errors
    /// A process that is gone or may not be read, or a log that is none.
    pub fn with_journal(process: u32, log: &Path, live: &[Block]) -> io::Result<Self> {
        let ever = ever_allocated(log)?;
        let memory = Memory::of(process, Some(log))?;
        let places = Places::new(memory.mappings(), live, &ever);
        Ok(Self { memory, places })
    }

    /// A process whose blocks nobody wrote down.
    ///
    /// # Errors
    /// A process that is gone or may not be read, or a log that is none.
    pub fn without_journal(process: u32, log: Option<&Path>) -> io::Result<Self> {
        let memory = Memory::of(process, log)?;
        let places = Places::without_a_journal(memory.mappings());
        Ok(Self { memory, places })
    }

    /// What each address is, for whoever knows more.
    pub fn places(&mut self) -> &mut Places {
        &mut self.places
    }

    /// Searches all memory.
    ///
    /// # Errors
    /// A process that ended.
    pub fn search_memory(&self, search: &mut Search) -> io::Result<()> {
        let mut cursor = self.places.cursor();
        let (size, refused) = self.memory.read(|address, bytes| {
            search.piece(&mut cursor, address, bytes);
        })?;
        search.read_size += size;
        search.refused.extend(refused);
        search.hidden_size += self.memory.hidden_size();
        Ok(())
    }

    /// Searches a core file of the process, its notes too.
    ///
    /// # Errors
    /// A file that is no core file, or cut off.
    pub fn search_core(&self, core: &Core, search: &mut Search) -> io::Result<()> {
        let mut cursor = self.places.cursor();
        search.read_size += core.read(|address, bytes| {
            search.piece(&mut cursor, address, bytes);
        })?;
        for note in core.notes()? {
            let place = Place::Elsewhere(note.name().to_owned());
            search.windows.search(&note.bytes, |at, window| {
                search.found.add(&place, window, note.offset + at as u64);
            });
        }
        Ok(())
    }
}

/// What is searched for, and what was found so far.
pub struct Search<'a> {
    windows: &'a Windows,
    found: Collector<'a>,
    read_size: u64,
    refused: Vec<String>,
    hidden_size: u64,
    log_size: u64,
    /// How many more finds are wanted.
    wanted: u64,
}

impl<'a> Search<'a> {
    /// Nothing found yet.
    pub fn new(windows: &'a Windows) -> Self {
        Self::until(windows, u64::MAX)
    }

    /// Nothing found yet; the search of memory ends after about so many finds.
    pub fn until(windows: &'a Windows, wanted: u64) -> Self {
        Self {
            windows,
            found: Collector::new(windows),
            read_size: 0,
            refused: Vec::new(),
            hidden_size: 0,
            log_size: 0,
            wanted,
        }
    }

    fn piece(&mut self, cursor: &mut Cursor<'_>, address: u64, bytes: &[u8]) {
        if self.wanted == 0 {
            return;
        }
        self.windows.search(bytes, |at, window| {
            self.wanted = self.wanted.saturating_sub(1);
            let address = address + at as u64;
            self.found.add(cursor.place(address), window, address);
        });
    }

    /// Searches a log, as a file.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn log(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        let mut piece = vec![0; memory::PIECE_SIZE];
        let (mut kept, mut offset) = (0, 0);
        loop {
            let size = file.read(&mut piece[kept..])?;
            if size == 0 {
                self.log_size += offset + kept as u64;
                return Ok(());
            }
            let end = kept + size;
            self.windows.search(&piece[..end], |at, window| {
                self.found.add(&Place::Log, window, offset + at as u64);
            });
            kept = end.min(WINDOW_SIZE - 1);
            piece.copy_within(end - kept..end, 0);
            offset += (end - kept) as u64;
        }
    }

    /// What was found of the secrets whose windows these are.
    pub fn residue(self, secrets: &[Secret]) -> Residue {
        Residue {
            rows: self.found.rows(secrets),
            read_size: self.read_size,
            refused: self.refused,
            hidden_size: self.hidden_size,
            log_size: self.log_size,
        }
    }
}

/// Reads all memory of a process that stands still and says what of the
/// secrets is left in it. `live` are its live blocks, `log` the file that it
/// writes, which is searched too, as a file.
///
/// # Errors
/// A process that is gone or may not be read, or a log that is none.
pub fn attack(process: u32, log: &Path, live: &[Block], secrets: &[Secret]) -> io::Result<Residue> {
    let windows = Windows::of(secrets);
    let mut search = Search::new(&windows);
    Target::with_journal(process, log, live)?.search_memory(&mut search)?;
    search.log(log)?;
    Ok(search.residue(secrets))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::hint::black_box;

    use scrubjay_log_format::FileHeader;
    use scrubjay_log_format::{
        ChunkHeader, ChunkKind, ClockKind, Event, EventKind, Mode, WipePolicy, header,
    };

    use super::*;

    const CHUNK_SIZE: usize = 4096;

    /// A log of one chunk, in which blocks are allocated.
    fn log(blocks: &[Block]) -> Vec<u8> {
        let fields = FileHeader {
            chunk_size: CHUNK_SIZE as u32,
            flags: 0,
            mode: Mode::Journal,
            wipe: WipePolicy::Off,
            process_id: 1,
            parent_id: 1,
            start_ticks: 0,
            start_monotonic_ns: 0,
            start_realtime_ns: 0,
            clock: ClockKind::Monotonic,
            frame_capacity: 0,
            limit_bytes: 0,
            page_size: 4096,
            sample_interval: 512 << 10,
            stack_depth: 64,
            program: "attacked",
            host: "",
        };
        let mut log = fields.encode().to_vec();
        log.resize(CHUNK_SIZE.max(header::SIZE), 0);
        let chunk = ChunkHeader {
            kind: ChunkKind::Journal as u16,
            index: 1,
            owner: 1,
            sequence: 0,
            thread: 1,
            base_ticks: 0,
            first_event: 0,
            payload_checksum: None,
        };
        log.extend(chunk.encode());
        for Block { address, size, .. } in blocks {
            let (address, size) = (*address, *size);
            let event = Event { kind: EventKind::Alloc, address, size, site: 0, ticks: 0 };
            log.extend(event.encode().iter().flat_map(|word| word.to_le_bytes()));
        }
        log.resize(2 * CHUNK_SIZE, 0);
        log
    }

    /// A secret of 40 bytes that stands in no file.
    fn secret(number: u64) -> Vec<u8> {
        let seed = u64::from(std::process::id()) << 32 | number << 8;
        (1..=5)
            .flat_map(|word| {
                let mixed = (seed | word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9).to_le_bytes()
            })
            .collect()
    }

    #[test]
    fn a_process_that_attacks_itself_finds_what_it_planted_where_it_planted_it() {
        let block = |bytes: &[u8]| Block {
            address: bytes.as_ptr() as u64,
            size: bytes.len() as u64,
            tag: "planted".to_owned(),
        };
        let live = secret(0);
        // Long, so that its neighbours in memory are its own bytes.
        let freed = [secret(1), vec![0; 4096]].concat();
        let mut stack = [0; 40];
        stack.copy_from_slice(&secret(2));
        let folder = std::env::temp_dir().join(format!("scrubjay-attack-{}", std::process::id()));
        let path = folder.join("log.jay");
        fs::create_dir_all(&folder).unwrap();
        let mut bytes = log(&[block(&live), block(&freed)]);
        bytes.extend([b"xyz".to_vec(), secret(3)].concat());
        fs::write(&path, bytes).unwrap();

        let secrets = [0, 1, 2, 3]
            .map(|number| Secret { name: number.to_string(), pieces: vec![secret(number)] });
        let residue = attack(std::process::id(), &path, &[block(&live)], &secrets).unwrap();
        black_box((&live, &freed, &stack));
        fs::remove_dir_all(&folder).unwrap();

        let counts: Vec<u64> = residue.rows.iter().map(|row| row.window_count).collect();
        assert_eq!(counts, [33; 4], "the secrets have few distinct bytes");
        let found = |row: usize, place: &Place| {
            residue.rows[row].places.get(place).map(|found| found.byte_count)
        };
        let planted = Place::Live("planted".to_owned());
        assert_eq!([0, 1, 2, 3].map(|row| found(row, &planted)), [Some(40), None, None, None]);
        assert_eq!([0, 1, 2, 3].map(|row| found(row, &Place::Freed)), [None, Some(40), None, None]);
        assert_eq!([0, 1, 2, 3].map(|row| found(row, &Place::Log)), [None, None, None, Some(40)]);
        // Tests run on threads whose stacks are mappings without a name.
        assert!(residue.rows[2].elsewhere().count() > 0);
    }
}
