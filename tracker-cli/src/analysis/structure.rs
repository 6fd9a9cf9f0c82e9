//! What the bytes of a log alone tell: nothing stands where nothing should.

use scrubjay_log_format::{
    ChunkHeader, ChunkKind, cell, chunk, header, peak, process, site, tag, thread,
};

use super::file::{Chunks, LogFile, Place};
use super::findings::{Check, Findings};
use super::tables::{ledger_kind, records};
use crate::error::Error;
use crate::progress::Progress;

/// Which words of a tag's record of its peak have a meaning.
const TAG_PEAK_NAMES: [&str; peak::TAG_WORD_COUNT] =
    ["sequence", "reserved", "ticks", "live", "ticks", "live", "reserved", "reserved"];

/// What nothing should stand in: room that is unused, the rest behind the
/// last record of a chunk, and words without a meaning.
///
/// # Errors
/// Where the file cannot be read.
pub fn check(file: &LogFile, progress: &Progress, findings: &mut Findings) -> Result<(), Error> {
    let first = file.first_chunk()?;
    let unused = [
        (header::SIZE, process::OFFSET),
        (process::OFFSET + process::SIZE, first.len().max(process::OFFSET + process::SIZE)),
    ];
    for (from, to) in unused {
        if let Some(bytes) = first.get(from..to) {
            check_zero(findings, from as u64, bytes, "behind the file header");
        }
    }
    for (word, name) in process::NAMES.iter().enumerate() {
        if name.starts_with("reserved") && file.process[word] != 0 {
            let offset = (process::OFFSET + word * 8) as u64;
            findings.at(Check::Structure, offset, "a reserved word of the process is not zero");
        }
    }
    let mut chunks = Chunks::new(file);
    while let Some((index, place)) = chunks.next()? {
        progress.reached(file.offset(index));
        match place {
            Place::Unused => {
                let offset = file.offset(index);
                let bytes = chunks.load_place()?;
                if chunk::is_going(bytes) {
                    // What a ring has counted and not yet blanked.
                    continue;
                }
                let rest = bytes.get(chunk::HEADER_SIZE..).unwrap_or(&[]);
                let at = offset + chunk::HEADER_SIZE as u64;
                check_zero(findings, at, rest, "in a chunk that nobody began");
            }
            Place::Chunk(header) => {
                check_seal(file, &header, chunks.load_place()?, findings);
                if let Some(kind) = ledger_kind(&header)
                    && let Ok(bytes) = chunks.load(&header)?
                {
                    check_ledger_chunk(file, &header, kind, bytes, findings);
                } else if ChunkKind::from_number(header.kind).is_none() {
                    tracing::debug!(kind = header.kind, "a kind of chunk from a later version");
                }
            }
            // The ledger has told of it.
            Place::Damaged(_) => {}
        }
    }
    Ok(())
}

fn check_ledger_chunk(
    file: &LogFile,
    header: &ChunkHeader,
    kind: ChunkKind,
    bytes: &[u8],
    findings: &mut Findings,
) {
    let start = file.offset(header.index);
    let mut end = chunk::HEADER_SIZE;
    for (_, offset, record) in records(file, header, kind, bytes) {
        end = (offset - start) as usize + record.len();
        let names: &[&str] = match kind {
            ChunkKind::TagTotals => &tag::TOTALS_NAMES,
            ChunkKind::SiteCounters => &site::COUNTER_NAMES,
            ChunkKind::TagPeaks => &TAG_PEAK_NAMES,
            ChunkKind::Threads => &thread::NAMES,
            ChunkKind::SiteCaches => {
                let header = record.get(8..site::CACHE_HEADER_SIZE).unwrap_or(&[]);
                check_zero(findings, offset + 8, header, "behind a page's owner");
                continue;
            }
            ChunkKind::Cells | ChunkKind::BaseCells => {
                let header = record.get(8..cell::PAGE_HEADER_SIZE).unwrap_or(&[]);
                check_zero(findings, offset + 8, header, "behind a page's owner");
                for (at, cell) in cell::decode_cells(record).enumerate() {
                    let at = offset + (cell::PAGE_HEADER_SIZE + at * cell::SIZE) as u64;
                    check_reserved(findings, at, &cell, &cell::NAMES);
                }
                continue;
            }
            _ => continue,
        };
        let words: Vec<u64> =
            record.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        check_reserved(findings, offset, &words, names);
    }
    let rest = bytes.get(end..).unwrap_or(&[]);
    check_zero(findings, start + end as u64, rest, "behind the last record of a chunk");
}

/// An open chunk has no checksum of its records, unless it died between that
/// and its seal.
fn check_seal(file: &LogFile, header: &ChunkHeader, bytes: &[u8], findings: &mut Findings) {
    let at = chunk::PAYLOAD_CHECKSUM_AT;
    let Some(Ok(stored)) = bytes.get(at..at + 4).map(TryInto::try_into) else { return };
    let stored = u32::from_le_bytes(stored);
    if header.payload_checksum.is_none() && stored != 0 && stored != chunk::payload_checksum(bytes)
    {
        let offset = file.offset(header.index) + at as u64;
        findings.at(
            Check::Structure,
            offset,
            "a checksum of records in a chunk that is not sealed",
        );
    }
}

fn check_reserved(findings: &mut Findings, offset: u64, words: &[u64], names: &[&str]) {
    for (at, (word, name)) in words.iter().zip(names).enumerate() {
        if *word != 0 && name.starts_with("reserved") {
            let offset = offset + at as u64 * 8;
            findings.at(Check::Structure, offset, "a reserved word is not zero");
        }
    }
}

fn check_zero(findings: &mut Findings, offset: u64, bytes: &[u8], place: &str) {
    if let Some(at) = bytes.iter().position(|&byte| byte != 0) {
        let byte = bytes[at];
        let what = format!("{byte:#04x} where nothing should stand, {place}");
        findings.at(Check::Structure, offset + at as u64, what);
    }
}
