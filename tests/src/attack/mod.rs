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
//! /proc/PID/mem ──▶ Memory ──▶ Windows: which window? ─┐
//!       the log ──▶ Places: which place? ──────────────┴─▶ Residue
//! ```

mod blocks;
mod memory;
mod places;
mod residue;
mod windows;

pub use blocks::{Block, Spans, ever_allocated};
pub use memory::{Mapping, Memory};
pub use places::{Place, Places};
pub use residue::{Finding, Residue, Row};
pub use windows::{DISTINCT_MIN, Secret, WINDOW_SIZE, Windows};

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use residue::Collector;

/// Reads all memory of a process that stands still and says what of the
/// secrets is left in it. `live` are its live blocks, `log` the file that it
/// writes, which is searched too, as a file.
///
/// # Errors
/// A process that is gone or may not be read, or a log that is none.
pub fn attack(process: u32, log: &Path, live: &[Block], secrets: &[Secret]) -> io::Result<Residue> {
    let windows = Windows::of(secrets);
    let ever = ever_allocated(log)?;
    let memory = Memory::of(process, log)?;
    let places = Places::new(memory.mappings(), live, &ever);
    let mut found = Collector::new(&windows);
    let mut cursor = places.cursor();
    let (read_size, refused) = memory.read(|address, bytes| {
        windows.search(bytes, |at, window| {
            let address = address + at as u64;
            found.add(cursor.place(address), window, address);
        });
    })?;
    let log_size = search_file(log, &windows, &mut found)?;
    Ok(Residue { rows: found.rows(secrets), read_size, refused, log_size })
}

fn search_file(path: &Path, windows: &Windows, found: &mut Collector) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut piece = vec![0; memory::PIECE_SIZE];
    let (mut kept, mut offset) = (0, 0);
    loop {
        let size = file.read(&mut piece[kept..])?;
        if size == 0 {
            return Ok(offset + kept as u64);
        }
        let end = kept + size;
        windows.search(&piece[..end], |at, window| {
            found.add(&Place::Log, window, offset + at as u64);
        });
        kept = end.min(WINDOW_SIZE - 1);
        piece.copy_within(end - kept..end, 0);
        offset += (end - kept) as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::hint::black_box;

    use scrubjay_log_format::{
        ChunkHeader, ChunkKind, ClockKind, Event, EventKind, FileHeader, Mode, WipePolicy, header,
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
