//! Chunks of one kind as a sparse table of records.

use scrubjay_log_format::chunk::{self, records_per_chunk};
use scrubjay_log_format::{
    ChunkHeader, ChunkKind, FormatError, cell, external, frame, module, note, peak, pressure,
    registry, scan, site, stack, tag, thread, vitals,
};

use super::damage::{Damage, Damages};
use super::file::{Chunks, LogFile, Place};
use crate::error::Error;

/// The kind of a chunk of the ledger; `None` for any other.
pub fn ledger_kind(header: &ChunkHeader) -> Option<ChunkKind> {
    ChunkKind::from_number(header.kind).filter(|&kind| record_size(kind).is_some())
}

/// The size of a record of a kind that belongs to the ledger.
fn record_size(kind: ChunkKind) -> Option<usize> {
    Some(match kind {
        ChunkKind::Tags => tag::DECLARATION_SIZE,
        ChunkKind::TagTotals => tag::TOTALS_SIZE,
        ChunkKind::Threads => thread::SIZE,
        ChunkKind::Cells | ChunkKind::BaseCells => cell::PAGE_SIZE,
        ChunkKind::Frames => frame::MOMENT_SIZE,
        ChunkKind::FrameRows => frame::ROW_SIZE,
        ChunkKind::Registry => registry::SIZE,
        ChunkKind::Stacks => stack::SIZE,
        ChunkKind::Sites => site::DECLARATION_SIZE,
        ChunkKind::SiteCounters => site::COUNTERS_SIZE,
        ChunkKind::SiteCaches => site::CACHE_PAGE_SIZE,
        ChunkKind::SitePeaks => peak::SITE_SIZE,
        ChunkKind::TagPeaks => peak::TAG_SIZE,
        ChunkKind::Modules => module::SIZE,
        ChunkKind::Notes => note::SIZE,
        ChunkKind::Scans => scan::SIZE,
        ChunkKind::Budgets => pressure::BUDGET_SIZE,
        ChunkKind::PressureEvents => pressure::EVENT_SIZE,
        ChunkKind::External => external::SIZE,
        ChunkKind::Vitals => vitals::SIZE,
        _ => return None,
    })
}

/// A ledger chunk's records: index in the table, offset in the file, bytes.
pub fn records<'b>(
    file: &LogFile,
    header: &ChunkHeader,
    kind: ChunkKind,
    bytes: &'b [u8],
) -> impl Iterator<Item = (u32, u64, &'b [u8])> + use<'b> {
    let size = record_size(kind).unwrap_or(usize::MAX);
    let count =
        if size == usize::MAX { 0 } else { records_per_chunk(file.header.chunk_size, size) };
    let start = file.offset(header.index) + chunk::HEADER_SIZE as u64;
    let first = header.owner;
    (0..count).filter_map(move |at| {
        let from = chunk::HEADER_SIZE + at * size;
        let index = first.checked_add(at as u32)?;
        Some((index, start + (at * size) as u64, bytes.get(from..from + size)?))
    })
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

/// Hands out all records of a kind of the ledger: index and bytes. What a visit
/// calls wrong is noted with its place.
///
/// # Errors
/// Where the file cannot be read.
pub fn each_record(
    file: &LogFile,
    kind: ChunkKind,
    damages: &mut Damages,
    mut visit: impl FnMut(u32, &[u8]) -> Result<(), FormatError>,
) -> Result<(), Error> {
    each_chunk(file, kind, damages, |header, bytes, damages| {
        for (index, offset, record) in records(file, header, kind, bytes) {
            if let Err(error) = visit(index, record) {
                let what = format!("{} {index}: {error}", kind.name());
                damages.add(Damage { offset, chunk: header.index, what });
            }
        }
    })
}
