//! The journal of a log, read the simplest way: whole, chunk by chunk, in the
//! order of the file, without repairing anything.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use scrubjay_log_format::chunk::{HEADER_SIZE, records_per_chunk};
use scrubjay_log_format::thread::ThreadRecord;
use scrubjay_log_format::{
    ChunkHeader, ChunkKind, Event, FileHeader, TagDeclaration, event, tag, thread,
};

/// What a log says happened.
#[derive(Debug, Default)]
pub struct Journal {
    /// The tags' names by their index.
    pub tags: BTreeMap<u32, String>,
    /// Slots with an event in flight.
    pub in_flight: u64,
    /// Each journal chunk's header and events.
    pub chunks: Vec<(ChunkHeader, Vec<Event>)>,
}

impl Journal {
    /// Reads a log.
    ///
    /// # Errors
    /// If the file cannot be read, or anything in it is damaged.
    pub fn read(path: &Path) -> io::Result<Self> {
        let bytes = fs::read(path)?;
        let size = FileHeader::decode(&bytes).map_err(io::Error::other)?.chunk_size;
        let mut journal = Self::default();
        for (index, chunk) in bytes.chunks_exact(size as usize).enumerate().skip(1) {
            let header = ChunkHeader::decode(chunk, index as u32).map_err(io::Error::other)?;
            let Some(header) = header else { continue };
            let records = |size| chunk[HEADER_SIZE..].chunks_exact(size);
            if header.kind == ChunkKind::Tags as u16 {
                let count = records_per_chunk(size, tag::DECLARATION_SIZE);
                for record in records(tag::DECLARATION_SIZE).take(count) {
                    let declared = TagDeclaration::decode(record).map_err(io::Error::other)?;
                    journal.tags.extend(declared.map(|tag| (tag.index, tag.name)));
                }
            } else if header.kind == ChunkKind::Threads as u16 {
                let count = records_per_chunk(size, thread::SIZE);
                let slots = records(thread::SIZE).take(count).filter_map(ThreadRecord::decode);
                // The orphan slot's word is not of this kind.
                let own = slots.skip(usize::from(header.owner == 0));
                journal.in_flight += own.filter(ThreadRecord::in_flight).count() as u64;
            } else if header.kind == ChunkKind::Journal as u16 {
                let mut events = Vec::new();
                for record in records(event::SIZE) {
                    events.extend(Event::decode(record).map_err(io::Error::other)?);
                }
                journal.chunks.push((header, events));
            }
        }
        Ok(journal)
    }

    /// Every event, in the order of the file.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.chunks.iter().flat_map(|(_, events)| events)
    }
}
