//! Goes through the records of one kind, wherever in a log they stand.

use scrubjay_log_format::chunk::{self, records_per_chunk};
use scrubjay_log_format::{ChunkHeader, ChunkKind, FormatError};

use super::damage::{Damage, Damages};
use super::file::{Chunks, LogFile, Place};
use crate::error::Error;

/// One record, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Record<'b> {
    /// Its index in its table.
    pub index: u32,
    /// The record's bytes.
    pub bytes: &'b [u8],
}

/// Hands out all chunks of a kind, whole. Places whose header cannot be read
/// are for the ledger to tell.
///
/// # Errors
/// Where the file cannot be read.
pub fn each_chunk(
    file: &LogFile,
    kind: ChunkKind,
    damages: &mut Damages,
    mut visit: impl FnMut(&ChunkHeader, &[u8], &mut Damages),
) -> Result<(), Error> {
    let mut chunks = Chunks::new(file);
    while let Some((_, place)) = chunks.next()? {
        let Place::Chunk(header) = place else { continue };
        if header.kind == kind as u16 {
            match chunks.load(&header)? {
                Ok(bytes) => visit(&header, bytes, damages),
                Err(damage) => damages.add(damage),
            }
        }
    }
    Ok(())
}

/// Hands out all records of a kind whose records have this size; what a visit
/// calls wrong is noted with its place.
///
/// # Errors
/// Where the file cannot be read.
pub fn each_record(
    file: &LogFile,
    kind: ChunkKind,
    size: usize,
    damages: &mut Damages,
    mut visit: impl FnMut(Record<'_>) -> Result<(), FormatError>,
) -> Result<(), Error> {
    let count = records_per_chunk(file.header.chunk_size, size);
    each_chunk(file, kind, damages, |header, bytes, damages| {
        for at in 0..count {
            let from = chunk::HEADER_SIZE + at * size;
            let Some(index) = header.owner.checked_add(at as u32) else { return };
            let Some(record) = bytes.get(from..from + size) else { return };
            if let Err(error) = visit(Record { index, bytes: record }) {
                let offset = file.offset(header.index) + from as u64;
                let what = format!("{} {index}: {error}", kind.name());
                damages.add(Damage { offset, chunk: header.index, what });
            }
        }
    })
}
