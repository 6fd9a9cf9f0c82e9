//! The ledger: what was counted, summed over the threads.

use std::collections::{BTreeMap, HashMap};

use scrubjay_log_format::cell::{self, PageOwner};
use scrubjay_log_format::thread::{self, ThreadRecord};
use scrubjay_log_format::{
    ChunkHeader, ChunkKind, Mode, Module, Registered, TAG_COUNT_MAX, TAGS_PER_GROUP,
    TagDeclaration, header, process, tag,
};

use super::damage::{Damage, Damages};
use super::file::{Chunks, LogFile, Place};
use super::frames::Frames;
use super::notes::Notes;
use super::pressure::Budgets;
use super::scans::Scans;
use super::site_store::SiteStore;
use super::sites::{Sites, UNKNOWN_TAG};
use super::tables::{ledger_kind, records};
use super::tag_sums::{Counters, Tag, add, difference, unaccounted};
use super::vitals::Samples;
use crate::error::Error;
use crate::progress::Progress;

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
    /// The sites, and their stacks as far as they are counted.
    pub sites: Sites,
    /// The sites' counters, as they stand.
    pub site_store: SiteStore,
    /// How many modules there are, and the number behind the last one's.
    pub module_count: u64,
    pub module_end: u64,
    /// What the program says about itself.
    pub notes: Notes,
    /// Budgets and what happened to them, and memory that no allocator sees.
    pub budgets: Budgets,
    /// How live blocks were held.
    pub scans: Scans,
    /// What the kernel said of the process.
    pub vitals: Samples,
    /// What the file is made of, by the kinds' numbers.
    pub kinds: BTreeMap<u16, KindCount>,
    /// Places that no chunk has taken.
    pub unused_chunks: u64,
    /// The chunks of the journal: slot, number, and when it was begun, in ticks.
    pub journal_chunks: Vec<(u32, u64, u64)>,
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
        ledger.sites.may_grow = file.is_being_written();
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
                if header.kind == ChunkKind::Journal as u16 {
                    let chunk = (header.owner, header.sequence, header.base_ticks);
                    ledger.journal_chunks.push(chunk);
                }
                ledger.last_chunk_ticks = ledger.last_chunk_ticks.max(header.base_ticks);
                continue;
            };
            match chunks.load(&header)? {
                Ok(bytes) => ledger.chunk(file, kind, &header, bytes, &mut page_owners),
                Err(damage) => ledger.damages.add(damage),
            }
        }
        ledger.settle_bases(&page_owners);
        ledger.settle_registry();
        let is_moving = file.header.has(header::FLAG_DUMP) || file.is_being_written();
        ledger.scans.settle(is_moving, &mut ledger.damages);
        ledger.vitals.settle(is_moving, &mut ledger.damages);
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
                        self.registry.push((offset, block));
                    }
                }
                _ => self.site_record(kind, index, (header.index, offset), record),
            }
        }
    }

    /// A record of what names who allocated.
    fn site_record(&mut self, kind: ChunkKind, index: u32, place: (u32, u64), record: &[u8]) {
        let (what, read) = match kind {
            ChunkKind::Stacks => ("frame", self.sites.frame(index, record)),
            ChunkKind::Sites => ("site", self.sites.declaration(index, record)),
            ChunkKind::Notes => ("note", self.notes.record(index, record)),
            ChunkKind::Modules => {
                let read = Module::decode(record).map(|module| {
                    if module.is_some() {
                        self.module_count += 1;
                        self.module_end = self.module_end.max(u64::from(index) + 1);
                    }
                });
                ("module", read)
            }
            ChunkKind::SiteCounters => return self.site_store.counters(index, record),
            ChunkKind::SiteCaches => return self.site_store.cache_page(record),
            ChunkKind::SitePeaks => return self.site_store.site_peaks(index, record),
            ChunkKind::TagPeaks => return self.site_store.tag_peak(index, record),
            ChunkKind::Budgets => return self.budgets.budget(index, record),
            ChunkKind::PressureEvents => return self.budgets.event(record),
            ChunkKind::External => return self.budgets.external(index, record),
            ChunkKind::Scans => return self.scans.record(index, place, record),
            ChunkKind::Vitals => return self.vitals.record(index, place, record),
            _ => return,
        };
        if let Err(error) = read {
            let (chunk, offset) = place;
            let what = format!("{what} {index}: {error}");
            self.damages.add(Damage { offset, chunk, what });
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

    /// Gives the registry's blocks to their tags, once all sites are known.
    fn settle_registry(&mut self) {
        let registry = std::mem::take(&mut self.registry);
        for (_, block) in &registry {
            let tag = self.sites.tag(block.site);
            if let Some(tag) = self.tag_mut(tag) {
                tag.registered_blocks += 1;
                tag.registered_bytes = tag.registered_bytes.wrapping_add(block.size);
            }
        }
        self.registry = registry;
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
            None if index == UNKNOWN_TAG => "(unknown)".into(),
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

    /// Whether blocks may be freed that the journal never saw allocated.
    pub fn has_older_blocks(&self, file: &LogFile) -> bool {
        file.header.has(header::FLAG_LATE) || file.header.has(header::FLAG_FORKED)
    }

    /// Whether there is a journal.
    pub fn has_journal(&self, file: &LogFile) -> bool {
        let is_there = self.kinds.contains_key(&(ChunkKind::Journal as u16));
        !file.header.has(header::FLAG_DUMP) && (file.header.mode == Mode::Journal || is_there)
    }
}
