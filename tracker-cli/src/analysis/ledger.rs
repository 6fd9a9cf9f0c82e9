//! The ledger: what was counted, summed over the threads.

use std::collections::{BTreeMap, HashMap};

use scrubjay_log_format::cell::{self, PageOwner};
use scrubjay_log_format::chunk::{self, records_per_chunk};
use scrubjay_log_format::thread::{self, ThreadRecord};
use scrubjay_log_format::{
    ChunkHeader, ChunkKind, Mode, Registered, TAG_COUNT_MAX, TAGS_PER_GROUP, TagDeclaration,
    header, process, registry, tag,
};

use super::damage::{Damage, Damages};
use super::file::{Chunks, LogFile, Place};
use super::frames::Frames;
use crate::error::Error;
use crate::progress::Progress;

/// The words of one cell, or a sum of them.
pub type Counters = [u64; cell::WORD_COUNT];

/// What the ledger says about one tag.
#[derive(Clone, Debug, Default)]
pub struct Tag {
    /// As the program declared it; `None` where the record is lost.
    pub declaration: Option<TagDeclaration>,
    /// The published totals.
    pub totals: [u64; tag::TOTALS_WORD_COUNT],
    /// The cells, summed over all thread slots.
    pub sums: Counters,
    /// What a late log's cells began with, summed likewise.
    pub base: Counters,
    /// Freed bytes that a slot has not yet counted as wiped, returned, carried
    /// or unwiped, by slot; none where that adds up.
    pub gaps: Vec<(u32, i64)>,
    /// Its blocks in the registry, and their bytes.
    pub registered_blocks: u64,
    pub registered_bytes: u64,
    /// The greatest `HIGH - PUBLISHED` of a slot: what no peak holds yet.
    unpublished_high: i64,
}

impl Tag {
    /// Whether anything is known about a tag at this index. Marks and the
    /// quantum are kept also where nothing happens.
    pub fn is_known(&self) -> bool {
        let counted = [cell::ALLOCATED_BLOCKS, cell::FREED_BLOCKS, cell::FAILED_COUNT];
        let totals = [tag::LIVE, tag::PEAK, tag::INHERITED_BYTES, tag::INHERITED_BLOCKS];
        self.declaration.is_some()
            || counted.iter().any(|&word| self.sums[word] != 0)
            || totals.iter().any(|&word| self.totals[word] != 0)
    }

    /// Bytes live: allocated less freed, and what a fork inherited.
    pub fn live_bytes(&self) -> i64 {
        difference(&self.sums, cell::ALLOCATED_BYTES, cell::FREED_BYTES)
            .wrapping_add(self.totals[tag::INHERITED_BYTES] as i64)
    }

    /// Blocks live, likewise.
    pub fn live_blocks(&self) -> i64 {
        difference(&self.sums, cell::ALLOCATED_BLOCKS, cell::FREED_BLOCKS)
            .wrapping_add(self.totals[tag::INHERITED_BLOCKS] as i64)
    }

    /// Bytes that were live when the journal began.
    pub fn live_bytes_before(&self) -> i64 {
        difference(&self.base, cell::ALLOCATED_BYTES, cell::FREED_BYTES)
            .wrapping_add(self.totals[tag::INHERITED_BYTES] as i64)
    }

    /// Blocks that were live when the journal began.
    pub fn live_blocks_before(&self) -> i64 {
        difference(&self.base, cell::ALLOCATED_BLOCKS, cell::FREED_BLOCKS)
            .wrapping_add(self.totals[tag::INHERITED_BLOCKS] as i64)
    }

    /// The peak: the published one, or what a thread had reached and not yet
    /// published.
    pub fn peak_bytes(&self) -> u64 {
        let candidate = (self.totals[tag::LIVE] as i64).saturating_add(self.unpublished_high);
        self.totals[tag::PEAK].max(candidate.max(0) as u64)
    }

    /// Events that the journal had no room for.
    pub fn dropped_events(&self) -> u64 {
        DROPPED_COUNTS.iter().map(|&word| self.sums[word]).fold(0, u64::wrapping_add)
    }
}

/// The counters of events that the journal had no room for.
pub const DROPPED_COUNTS: [usize; 3] =
    [cell::DROPPED_ALLOCATED_BLOCKS, cell::DROPPED_FREED_BLOCKS, cell::DROPPED_FAILED_COUNT];

/// Freed bytes that are not counted as wiped, returned, carried or unwiped.
pub fn unaccounted(counters: &Counters) -> i64 {
    let accounted =
        [cell::WIPED_BYTES, cell::RETURNED_BYTES, cell::CARRIED_BYTES, cell::UNWIPED_BYTES];
    let accounted = accounted.iter().fold(0u64, |sum, &word| sum.wrapping_add(counters[word]));
    counters[cell::FREED_BYTES].wrapping_sub(accounted) as i64
}

/// `counters[plus] - counters[minus]`, signed: a thread frees what others
/// allocated.
pub fn difference(counters: &Counters, plus: usize, minus: usize) -> i64 {
    counters[plus].wrapping_sub(counters[minus]) as i64
}

/// Adds counters word by word, wrapping as the signed ones among them need.
pub fn add(sums: &mut Counters, counters: &Counters) {
    for (sum, counter) in sums.iter_mut().zip(counters) {
        *sum = sum.wrapping_add(*counter);
    }
}

/// How many chunks of a kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindCount {
    /// All of them.
    pub chunks: u64,
    /// Those that are sealed.
    pub sealed: u64,
}

/// All that a log holds besides its journal.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The tags by index; gaps are tags of which nothing is known.
    pub tags: Vec<Tag>,
    /// The thread slots that were ever used.
    pub threads: BTreeMap<u32, ThreadRecord>,
    /// The frames over time.
    pub frames: Frames,
    /// The registry: live blocks of watched tags, each with its record's place
    /// in the file.
    pub registry: Vec<(u64, Registered)>,
    /// What the file is made of, by the kinds' numbers.
    pub kinds: BTreeMap<u16, KindCount>,
    /// Places that no chunk has taken.
    pub unused_chunks: u64,
    /// When the last chunk of the journal was begun, in ticks.
    pub last_chunk_ticks: u64,
    /// What could not be read.
    pub damages: Damages,
    /// Pages of cells as a late log found them, by record.
    bases: HashMap<u32, Vec<Counters>>,
}

impl Ledger {
    /// Reads the ledger, and the headers of everything else.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn read(file: &LogFile, progress: &Progress) -> Result<Self, Error> {
        let mut ledger = Self::default();
        if let Some(damage) = file.cut_short() {
            ledger.damages.add(damage.clone());
        }
        let mut page_owners = HashMap::new();
        let mut chunks = Chunks::new(file);
        while let Some((index, place)) = chunks.next()? {
            progress.reached(file.offset(index));
            let header = match place {
                Place::Unused => {
                    ledger.unused_chunks += 1;
                    continue;
                }
                Place::Damaged(damage) => {
                    ledger.damages.add(damage);
                    continue;
                }
                Place::Chunk(header) => header,
            };
            let count = ledger.kinds.entry(header.kind).or_default();
            count.chunks += 1;
            count.sealed += u64::from(header.payload_checksum.is_some());
            let Some(kind) = ledger_kind(&header) else {
                ledger.last_chunk_ticks = ledger.last_chunk_ticks.max(header.base_ticks);
                continue;
            };
            match chunks.load(&header)? {
                Ok(bytes) => ledger.chunk(file, kind, &header, bytes, &mut page_owners),
                Err(damage) => ledger.damages.add(damage),
            }
        }
        ledger.settle_bases(&page_owners);
        tracing::debug!(tags = ledger.tags.len(), slots = ledger.threads.len(), "ledger read");
        Ok(ledger)
    }

    fn chunk(
        &mut self,
        file: &LogFile,
        kind: ChunkKind,
        header: &ChunkHeader,
        bytes: &[u8],
        page_owners: &mut HashMap<u32, PageOwner>,
    ) {
        for (index, offset, record) in records(file, header, kind, bytes) {
            match kind {
                ChunkKind::Tags => self.declaration(header.index, index, offset, record),
                ChunkKind::TagTotals => {
                    let totals = tag::decode_totals(record).unwrap_or_default();
                    if totals != [0; tag::TOTALS_WORD_COUNT]
                        && let Some(tag) = self.tag_mut(index)
                    {
                        tag.totals = totals;
                    }
                }
                ChunkKind::Threads => {
                    if let Some(thread) = ThreadRecord::decode(record) {
                        self.threads.insert(index, thread);
                    }
                }
                ChunkKind::Cells => match PageOwner::decode(record) {
                    Some(owner) => {
                        page_owners.insert(index, owner);
                        self.page(owner, record);
                    }
                    None if cell::owner_word(record) == Some(0) => {}
                    None => self.damages.add(Damage {
                        offset,
                        chunk: header.index,
                        what: "page of cells whose owner has no meaning".into(),
                    }),
                },
                ChunkKind::BaseCells => {
                    let cells: Vec<Counters> = cell::decode_cells(record).collect();
                    if cells.iter().flatten().any(|&word| word != 0) {
                        self.bases.insert(index, cells);
                    }
                }
                ChunkKind::Frames => self.frames.moment(index, record),
                ChunkKind::FrameRows => self.frames.row(index, record, &file.header),
                ChunkKind::Registry => {
                    if let Some(block) = Registered::decode(record) {
                        self.registered(offset, block);
                    }
                }
                _ => {}
            }
        }
    }

    fn declaration(&mut self, chunk: u32, index: u32, offset: u64, record: &[u8]) {
        let damaged = match TagDeclaration::decode(record) {
            Ok(None) => return,
            Ok(Some(declaration)) if declaration.index == index => {
                if let Some(tag) = self.tag_mut(index) {
                    tag.declaration = Some(declaration);
                }
                return;
            }
            Ok(Some(declaration)) => format!("says it is tag {}", declaration.index),
            Err(error) => error.to_string(),
        };
        let what = format!("declaration of tag {index}: {damaged}");
        self.damages.add(Damage { offset, chunk, what });
    }

    fn page(&mut self, owner: PageOwner, record: &[u8]) {
        for (index, cell) in (owner.group * TAGS_PER_GROUP..).zip(cell::decode_cells(record)) {
            if cell == [0; cell::WORD_COUNT] {
                continue;
            }
            let Some(tag) = self.tag_mut(index) else { continue };
            add(&mut tag.sums, &cell);
            if unaccounted(&cell) != 0 {
                tag.gaps.push((owner.slot, unaccounted(&cell)));
            }
            // What orphans do is published at once.
            if owner.slot != 0 {
                let high = difference(&cell, cell::HIGH, cell::PUBLISHED);
                tag.unpublished_high = tag.unpublished_high.max(high);
            }
        }
    }

    fn registered(&mut self, offset: u64, block: Registered) {
        if let Some(tag) = self.tag_mut(block.site) {
            tag.registered_blocks += 1;
            tag.registered_bytes = tag.registered_bytes.wrapping_add(block.size);
        }
        self.registry.push((offset, block));
    }

    /// The base of a late log, where both its cells and their owner are known.
    fn settle_bases(&mut self, page_owners: &HashMap<u32, PageOwner>) {
        for (record, cells) in std::mem::take(&mut self.bases) {
            let Some(owner) = page_owners.get(&record) else { continue };
            for (index, cell) in (owner.group * TAGS_PER_GROUP..).zip(&cells) {
                if let Some(tag) = self.tag_mut(index) {
                    add(&mut tag.base, cell);
                }
            }
            self.bases.insert(record, cells);
        }
    }

    /// What the cells of a page began with: that of a late log, else zeros.
    pub fn base(&self, record: u32) -> Option<&[Counters]> {
        self.bases.get(&record).map(Vec::as_slice)
    }

    fn tag_mut(&mut self, index: u32) -> Option<&mut Tag> {
        if index >= TAG_COUNT_MAX {
            return None;
        }
        if self.tags.len() <= index as usize {
            self.tags.resize_with(index as usize + 1, Tag::default);
        }
        self.tags.get_mut(index as usize)
    }

    /// A tag's name, or words that tell which one it is.
    pub fn name(&self, index: u32) -> String {
        let declared = self.tags.get(index as usize).and_then(|tag| tag.declaration.as_ref());
        match declared {
            Some(declaration) => declaration.name.clone(),
            None if index == 0 => "untagged".into(),
            None => format!("(tag {index})"),
        }
    }

    /// The index of a tag by its name.
    ///
    /// # Errors
    /// Where there is none, with the names that there are.
    pub fn find(&self, name: &str) -> Result<u32, Error> {
        let known: Vec<(u32, String)> =
            self.known().map(|(index, _)| (index, self.name(index))).collect();
        if let Some((index, _)) = known.iter().find(|(_, known)| known == name) {
            return Ok(*index);
        }
        let mut names: Vec<&str> = known.iter().map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        Err(Error::Usage(format!("no tag is named {name:?}; there are: {}", names.join(", "))))
    }

    /// The tags of which something is known, by index.
    pub fn known(&self) -> impl Iterator<Item = (u32, &Tag)> {
        (0..).zip(&self.tags).filter(|(_, tag)| tag.is_known())
    }

    /// All tags together.
    pub fn totals(&self) -> Tag {
        let mut all = Tag::default();
        for tag in &self.tags {
            add(&mut all.sums, &tag.sums);
            add(&mut all.base, &tag.base);
            for word in [tag::INHERITED_BYTES, tag::INHERITED_BLOCKS] {
                all.totals[word] = all.totals[word].wrapping_add(tag.totals[word]);
            }
        }
        all
    }

    /// The process's peak: the published one, or what a thread had reached
    /// and not yet published.
    pub fn peak_bytes(&self, file: &LogFile) -> u64 {
        let unpublished = self
            .threads
            .range(1..)
            .map(|(_, slot)| {
                slot.words[thread::HIGH].wrapping_sub(slot.words[thread::PUBLISHED]) as i64
            })
            .max()
            .unwrap_or(0);
        let candidate = (file.process[process::LIVE] as i64).saturating_add(unpublished);
        file.process[process::PEAK].max(candidate.max(0) as u64)
    }

    /// How many slots were within an event when the process died.
    pub fn in_flight(&self) -> u64 {
        let in_flight = |(&slot, thread)| slot_in_flight(slot, thread);
        self.threads.iter().map(in_flight).fold(0, u64::saturating_add)
    }

    /// How many events the slots have finished.
    pub fn event_count(&self) -> u64 {
        let finished = |(&slot, thread): (&u32, &ThreadRecord)| finished_events(slot, thread);
        self.threads.iter().map(finished).fold(0, u64::wrapping_add)
    }

    /// How many slots never moved to a log that began late.
    pub fn laggards(&self) -> u64 {
        let slots = self.threads.values();
        slots.filter(|slot| slot.words[thread::LAGGARD] != 0).count() as u64
    }

    /// How many threads may have been within an event when the process died:
    /// in a journal those that say so; without one, all that had not ended.
    pub fn in_flight_max(&self, file: &LogFile) -> u64 {
        self.threads.keys().map(|&slot| self.slot_in_flight_max(file, slot)).sum()
    }

    /// The same of one slot.
    pub fn slot_in_flight_max(&self, file: &LogFile, slot: u32) -> u64 {
        let Some(thread) = self.threads.get(&slot) else { return 0 };
        match (file.header.mode, slot) {
            (Mode::Journal, _) => slot_in_flight(slot, thread),
            // Whoever has no slot of their own counts there.
            (Mode::Count | Mode::Sample, 0) => file.process[process::THREAD_LIVE_MAX].max(1),
            (Mode::Count | Mode::Sample, _) => {
                (thread.words[thread::STATE] != thread::STATE_ENDED).into()
            }
        }
    }

    /// Whether blocks may be freed that the journal never saw allocated.
    pub fn has_older_blocks(&self, file: &LogFile) -> bool {
        file.header.has(header::FLAG_LATE) || file.header.has(header::FLAG_FORKED)
    }
}

/// How many events a slot has finished.
pub fn finished_events(slot: u32, thread: &ThreadRecord) -> u64 {
    if slot == 0 { thread.words[thread::FINISHED] } else { thread.event_count() }
}

/// How many events of a slot were begun and not finished: at most one, but
/// for the orphan slot, which threads share.
pub fn slot_in_flight(slot: u32, thread: &ThreadRecord) -> u64 {
    if slot == 0 {
        thread.words[thread::SEQUENCE].saturating_sub(thread.words[thread::FINISHED])
    } else {
        thread.in_flight().into()
    }
}

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
        ChunkKind::Frames => scrubjay_log_format::frame::MOMENT_SIZE,
        ChunkKind::FrameRows => scrubjay_log_format::frame::ROW_SIZE,
        ChunkKind::Registry => registry::SIZE,
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
