//! The allocator's blocks, as the log tells them: those that live, and all
//! memory that ever belonged to one.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use scrubjay_log_format::{ChunkHeader, ChunkKind, Event, FileHeader, chunk, event, header};

/// A live block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its address.
    pub address: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Name of its tag.
    pub tag: String,
}

/// Ranges of addresses, in order, disjoint, each (start, end).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Vec<(u64, u64)>);

impl Spans {
    /// How many ranges may wait to be merged.
    const PENDING_MAX: usize = 1 << 20;

    /// The union of ranges.
    pub fn of(mut ranges: Vec<(u64, u64)>) -> Self {
        ranges.retain(|(start, end)| start < end);
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (start, end) in ranges {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }

    /// The ranges that overlap `start..end`.
    pub fn within(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
        let first = self.0.partition_point(|range| range.1 <= start);
        self.0[first..]
            .iter()
            .take_while(move |range| range.0 < end)
            .map(move |range| (range.0.max(start), range.1.min(end)))
    }
}

/// All memory that was ever part of a block, from the journal's events. Only
/// chunks that are whole count: the log is checked by others.
///
/// # Errors
/// A file that is missing or no log.
pub fn ever_allocated(log: &Path) -> io::Result<Spans> {
    let mut file = File::open(log)?;
    let mut first = [0; header::SIZE];
    file.read_exact(&mut first)?;
    let header = FileHeader::decode(&first).map_err(io::Error::other)?;
    let mut bytes = vec![0; header.chunk_size as usize];
    file.read_exact(&mut bytes[header::SIZE..])?;
    let mut spans = Spans::default();
    let mut index = 1;
    while file.read_exact(&mut bytes).is_ok() {
        let journal = |header: &ChunkHeader| header.kind == ChunkKind::Journal as u16;
        if ChunkHeader::decode(&bytes, index).ok().flatten().as_ref().is_some_and(journal) {
            spans.0.extend(allocated(&bytes));
            if spans.0.len() > Spans::PENDING_MAX {
                spans = Spans::of(spans.0);
            }
        }
        index += 1;
    }
    Ok(Spans::of(spans.0))
}

fn allocated(chunk: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    chunk[chunk::HEADER_SIZE..]
        .chunks_exact(event::SIZE)
        .filter_map(|record| Event::decode(record).ok().flatten())
        .filter(|event| event.kind.allocates())
        .map(|event| (event.address, event.address + event.size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_one() {
        let spans = Spans::of(vec![(30, 40), (0, 10), (10, 20), (5, 12), (50, 50)]);
        assert_eq!(spans, Spans(vec![(0, 20), (30, 40)]));
        assert_eq!(spans.within(15, 35).collect::<Vec<_>>(), [(15, 20), (30, 35)]);
        assert_eq!(spans.within(20, 30).count(), 0);
    }

    #[test]
    fn events_that_allocate_say_what_was_ever_a_block() {
        use scrubjay_log_format::EventKind;
        let mut chunk = vec![0; chunk::HEADER_SIZE];
        for (kind, address) in
            [(EventKind::Alloc, 100), (EventKind::Free, 200), (EventKind::ReallocAlloc, 300)]
        {
            let event = Event { kind, address, size: 16, site: 1, ticks: 0 };
            chunk.extend(event.encode().iter().flat_map(|word| word.to_le_bytes()));
        }
        chunk.extend([0; event::SIZE]);
        assert_eq!(allocated(&chunk).collect::<Vec<_>>(), [(100, 116), (300, 316)]);
    }
}
