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
