//! A log, read in the most naive way: all of it, into maps.
//!
//! Shares nothing with the command line's reader but the decoding of single
//! records. Panics at whatever is not as it should be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use scrubjay_log_format::cell::{self, PageOwner};
use scrubjay_log_format::chunk::{self, records_per_chunk};
use scrubjay_log_format::peak::TagPeak;
use scrubjay_log_format::site::CachedSite;
use scrubjay_log_format::thread::ThreadRecord;
use scrubjay_log_format::{
    ChunkHeader, ChunkKind, Event, EventKind, FileHeader, Note, Registered, SiteDeclaration,
    StackNode, TAGS_PER_GROUP, TagDeclaration, event, header, note, peak, process, registry, site,
    stack, tag, thread,
};

use crate::attack::Block;
use crate::figures::Figures;

/// The words of a cell.
pub type Cell = [u64; cell::WORD_COUNT];
/// The counters of a site.
pub type SiteCounters = [u64; site::COUNTER_COUNT];

/// An event and where it stood.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// The thread slot.
    pub slot: u32,
    /// When, in ticks.
    pub ticks: u64,
    /// What happened.
    pub event: Event,
}

/// All of a log.
pub struct Log {
    /// The file header.
    pub header: FileHeader,
    /// The process's words.
    pub process: [u64; process::WORD_COUNT],
    /// Names by index.
    pub tags: BTreeMap<u32, TagDeclaration>,
    /// Published totals by tag.
    pub totals: BTreeMap<u32, [u64; tag::TOTALS_WORD_COUNT]>,
    /// Thread slots by number.
    pub threads: BTreeMap<u32, ThreadRecord>,
    /// Cells by slot and tag.
    pub cells: BTreeMap<(u32, u32), Cell>,
    /// What they held when a late log began.
    pub base: BTreeMap<(u32, u32), Cell>,
    /// The journal: each slot's events in its own order.
    pub events: Vec<Record>,
    /// Events of chunks that a ring was overwriting: on their way to be counted
    /// as dropped.
    pub going: Vec<Record>,
    /// How many such chunks there are.
    pub going_chunks: u64,
    /// Journal chunks by slot.
    pub journal_chunks: BTreeMap<u32, u64>,
    /// The live blocks of watched tags.
    pub registry: Vec<Registered>,
    /// What the program said about itself.
    pub notes: Vec<Note>,
    /// Pages of cells that somebody has.
    pub page_count: usize,
    /// Sites that are not a tag's own, by index.
    pub sites: BTreeMap<u32, SiteDeclaration>,
    /// Their counters, without what stands in caches.
    pub site_counters: BTreeMap<u32, SiteCounters>,
    /// What stands in threads' caches in front of them.
    pub cached_sites: Vec<CachedSite>,
    /// What was live of them at peaks.
    pub site_peaks: BTreeMap<u32, [u64; peak::SITE_WORD_COUNT]>,
    /// When tags' sites were noted at their own.
    pub tag_peaks: BTreeMap<u32, TagPeak>,
    /// Nodes of the tree of stacks.
    pub nodes: BTreeMap<u32, StackNode>,
    /// Tags by name.
    names: BTreeMap<String, u32>,
    /// Cells by tag, summed over all slots.
    sums: BTreeMap<u32, Cell>,
}

impl Log {
    /// Reads a log and checks what each chunk says of itself.
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let header = FileHeader::decode(&bytes).expect("a file header");
        assert!(bytes.len() >= header.chunk_size as usize, "a log has a first chunk");
        let mut log = Self {
            process: process::decode(&bytes).expect("process words"),
            tags: BTreeMap::new(),
            totals: BTreeMap::new(),
            threads: BTreeMap::new(),
            cells: BTreeMap::new(),
            base: BTreeMap::new(),
            events: Vec::new(),
            going: Vec::new(),
            going_chunks: 0,
            journal_chunks: BTreeMap::new(),
            registry: Vec::new(),
            notes: Vec::new(),
            page_count: 0,
            sites: BTreeMap::new(),
            site_counters: BTreeMap::new(),
            cached_sites: Vec::new(),
            site_peaks: BTreeMap::new(),
            tag_peaks: BTreeMap::new(),
            nodes: BTreeMap::new(),
            names: BTreeMap::new(),
            sums: BTreeMap::new(),
            header,
        };
        let chunks = bytes.chunks_exact(log.header.chunk_size as usize);
        let mut found = Vec::new();
        for (index, bytes) in chunks.enumerate().skip(1) {
            let header = ChunkHeader::decode(bytes, index as u32);
            let header = header.unwrap_or_else(|error| panic!("chunk {index}: {error}"));
            if let Some(header) = header {
                if let Some(checksum) = header.payload_checksum {
                    assert_eq!(checksum, chunk::payload_checksum(bytes), "chunk {index}");
                }
                found.push((header, bytes));
            }
        }
        if log.is_ring() {
            found.sort_by_key(|(header, _)| header.base_ticks);
        }
        for (header, bytes) in found {
            log.take_in(&header, bytes);
        }
        for tag in log.tags.values() {
            let twice = log.names.insert(tag.name.clone(), tag.index);
            assert!(twice.is_none(), "two tags are called {}", tag.name);
        }
        for ((_, tag), cell) in &log.cells {
            for (sum, word) in log.sums.entry(*tag).or_default().iter_mut().zip(cell) {
                *sum = sum.wrapping_add(*word);
            }
        }
        log
    }

    /// Whether the journal's oldest chunks are overwritten at the limit.
    pub fn is_ring(&self) -> bool {
        self.process[process::AT_LIMIT] == 1
    }

    fn take_in(&mut self, header: &ChunkHeader, bytes: &[u8]) {
        let first = header.owner;
        match ChunkKind::from_number(header.kind).expect("a kind of this version") {
            ChunkKind::Tags => {
                let records = self.records(bytes, tag::DECLARATION_SIZE);
                for record in records {
                    if let Some(tag) = TagDeclaration::decode(record).expect("a declaration") {
                        self.tags.insert(tag.index, tag);
                    }
                }
            }
            ChunkKind::TagTotals => {
                for (index, record) in (first..).zip(self.records(bytes, tag::TOTALS_SIZE)) {
                    let totals = tag::decode_totals(record).expect("totals");
                    self.totals.insert(index, totals);
                }
            }
            ChunkKind::Threads => {
                for (slot, record) in (first..).zip(self.records(bytes, thread::SIZE)) {
                    if let Some(thread) = ThreadRecord::decode(record) {
                        self.threads.insert(slot, thread);
                    }
                }
            }
            kind @ (ChunkKind::Cells | ChunkKind::BaseCells) => {
                for page in self.records(bytes, cell::PAGE_SIZE) {
                    let Some(PageOwner { slot, group }) = PageOwner::decode(page) else { continue };
                    let into = if kind == ChunkKind::Cells {
                        self.page_count += 1;
                        &mut self.cells
                    } else {
                        &mut self.base
                    };
                    for (tag, cell) in (group * TAGS_PER_GROUP..).zip(cell::decode_cells(page)) {
                        let twice = into.insert((slot, tag), cell);
                        assert!(twice.is_none(), "slot {slot} has two pages of group {group}");
                    }
                }
            }
            ChunkKind::Journal => self.take_in_events(header, bytes),
            ChunkKind::Notes => {
                for record in self.records(bytes, note::SIZE) {
                    self.notes.extend(Note::decode(record).expect("a note"));
                }
            }
            ChunkKind::Registry => {
                let records = self.records(bytes, registry::SIZE);
                self.registry.extend(records.filter_map(Registered::decode));
            }
            ChunkKind::Sites => {
                for record in self.records(bytes, site::DECLARATION_SIZE) {
                    if let Some(site) = SiteDeclaration::decode(record).expect("a declaration") {
                        self.sites.insert(site.index, site);
                    }
                }
            }
            ChunkKind::SiteCounters => {
                let first = site::FIRST + first;
                for (index, record) in (first..).zip(self.records(bytes, site::COUNTERS_SIZE)) {
                    let counters = site::decode_counters(record).expect("counters");
                    self.site_counters.insert(index, counters);
                }
            }
            ChunkKind::SiteCaches => {
                for page in self.records(bytes, site::CACHE_PAGE_SIZE) {
                    self.cached_sites.extend(site::decode_cache_page(page));
                }
            }
            ChunkKind::SitePeaks => {
                let first = site::FIRST + first;
                for (index, record) in (first..).zip(self.records(bytes, peak::SITE_SIZE)) {
                    let (words, _) = record.as_chunks();
                    let mut at_peak = [0; peak::SITE_WORD_COUNT];
                    for (place, word) in at_peak.iter_mut().zip(words) {
                        *place = u64::from_le_bytes(*word);
                    }
                    self.site_peaks.insert(index, at_peak);
                }
            }
            ChunkKind::TagPeaks => {
                for (index, record) in (first..).zip(self.records(bytes, peak::TAG_SIZE)) {
                    if let Some(noted) = TagPeak::decode(record) {
                        self.tag_peaks.insert(index, noted);
                    }
                }
            }
            ChunkKind::Stacks => {
                for (index, record) in (first..).zip(self.records(bytes, stack::SIZE)) {
                    if let Some(node) = StackNode::decode(record, index).expect("a node") {
                        self.nodes.insert(index, node);
                    }
                }
            }
            _ => {}
        }
    }

    /// The tag of a site.
    pub fn tag_of(&self, site: u32) -> u32 {
        if site < site::FIRST {
            return site;
        }
        self.sites.get(&site).unwrap_or_else(|| panic!("site {site} is not declared")).tag
    }

    /// The return addresses of a site's stack, innermost first.
    pub fn frames(&self, site: u32) -> Vec<u64> {
        let mut node = self.sites[&site].stack;
        let mut frames = Vec::new();
        while node != 0 {
            let frame = self.nodes[&node];
            frames.push(frame.address);
            node = frame.parent;
        }
        frames
    }

    /// What a site's counters and the caches in front of them say together:
    /// bytes and blocks allocated, bytes and blocks freed. For a log at rest.
    pub fn site_sums(&self, site: u32) -> [u64; 4] {
        let mut sums = [0; 4];
        sums.copy_from_slice(&self.site_counters[&site][..4]);
        for cached in self.cached_sites.iter().filter(|cached| cached.site == site) {
            assert_eq!(cached.moving, None, "nothing moves in a log at rest");
            for (sum, counter) in sums.iter_mut().zip(cached.counters) {
                *sum += counter;
            }
        }
        sums
    }

    /// The same of all sites of a tag together.
    pub fn site_sums_of(&self, tag: u32) -> [u64; 4] {
        let mut sums = [0; 4];
        for site in self.sites.values().filter(|site| site.tag == tag) {
            for (sum, counter) in sums.iter_mut().zip(self.site_sums(site.index)) {
                *sum += counter;
            }
        }
        sums
    }

    fn records<'a>(
        &self,
        bytes: &'a [u8],
        size: usize,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let count = records_per_chunk(self.header.chunk_size, size);
        bytes[chunk::HEADER_SIZE..].chunks_exact(size).take(count)
    }

    fn take_in_events(&mut self, header: &ChunkHeader, bytes: &[u8]) {
        let slot = header.owner;
        let is_ring = self.is_ring();
        let count = self.journal_chunks.entry(slot).or_default();
        assert!(
            *count == header.sequence || is_ring && *count < header.sequence,
            "the chunks of slot {slot} stand in their order"
        );
        *count += 1;
        let is_going = chunk::is_going(bytes);
        self.going_chunks += u64::from(is_going);
        for record in self.records(bytes, event::SIZE) {
            let Some(event) = Event::decode(record).expect("an event") else { continue };
            if event.kind == EventKind::Thread {
                continue;
            }
            let record = Record { slot, ticks: header.base_ticks + event.ticks, event };
            if is_going {
                self.going.push(record);
            } else {
                self.events.push(record);
            }
        }
    }

    /// The index of a tag.
    pub fn tag(&self, name: &str) -> u32 {
        *self.names.get(name).unwrap_or_else(|| panic!("no tag is called {name}"))
    }

    /// A tag's counters, summed over all slots.
    pub fn cell(&self, tag: u32) -> Cell {
        self.sums.get(&tag).copied().unwrap_or_default()
    }

    /// What the ledger says of a tag.
    pub fn ledger(&self, name: &str) -> Figures {
        Figures::of_cell(&self.cell(self.tag(name)))
    }

    /// What the ledger says of all tags together.
    pub fn ledger_total(&self) -> Figures {
        let mut total = Figures::default();
        for cell in self.cells.values() {
            total += Figures::of_cell(cell);
        }
        total
    }

    /// What the journal says of a slot and a tag.
    pub fn journal(&self) -> BTreeMap<(u32, u32), Figures> {
        let mut journal: BTreeMap<(u32, u32), Figures> = BTreeMap::new();
        for Record { slot, event, .. } in &self.events {
            journal.entry((*slot, self.tag_of(event.site))).or_default().count(event);
        }
        journal
    }

    /// Holds the journal against the ledger, slot by slot and tag by tag, and
    /// the evidence of wiping against what was freed. For a log in which
    /// nothing is in flight.
    pub fn check(&self) {
        self.check_evidence();
        if self.header.mode != scrubjay_log_format::Mode::Journal {
            return;
        }
        self.check_sites();
        let journal = self.journal();
        for key in self.cells.keys().chain(journal.keys()) {
            let cell = self.cells.get(key).copied().unwrap_or_default();
            let base = self.base.get(key).copied().unwrap_or_default();
            let told = journal.get(key).copied().unwrap_or_default();
            let sum = told + Figures::dropped(&cell) + Figures::of_cell(&base).of_events();
            let dropped_before = Figures::dropped(&base);
            assert_eq!(
                dropped_before,
                Figures::default(),
                "{key:?}: dropped before there was a log"
            );
            assert_eq!(sum, Figures::of_cell(&cell).of_events(), "slot and tag {key:?}");
        }
        for (slot, thread) in &self.threads {
            let mut count = 0;
            for ((of, tag), cell) in &self.cells {
                if of == slot {
                    let base = self.base.get(&(*of, *tag)).copied().unwrap_or_default();
                    let events = |cell: &Cell| {
                        let places =
                            [cell::ALLOCATED_BLOCKS, cell::FREED_BLOCKS, cell::FAILED_COUNT];
                        places.iter().map(|&word| cell[word]).sum::<u64>()
                    };
                    count += events(cell) - events(&base);
                }
            }
            let finished = match slot {
                0 => {
                    let [begun, finished] =
                        [thread::SEQUENCE, thread::FINISHED].map(|word| thread.words[word]);
                    assert_eq!(begun, finished, "an orphan's event is in flight");
                    finished
                }
                _ => {
                    assert!(!thread.in_flight(), "slot {slot} has an event in flight");
                    thread.event_count()
                }
            };
            assert_eq!(finished, count, "events of slot {slot}");
        }
    }

    /// Holds the sites' counters against the journal, if that is whole: no
    /// event was dropped, and none is older than the log.
    pub fn check_sites(&self) {
        let is_whole = self.cells.values().all(|cell| Figures::dropped(cell) == Figures::default());
        if !is_whole || !self.base.is_empty() || self.header.has(header::FLAG_FORKED) {
            return;
        }
        let mut journal: BTreeMap<u32, [u64; 4]> = BTreeMap::new();
        for Record { event, .. } in &self.events {
            let sums = journal.entry(event.site).or_default();
            if event.kind.allocates() {
                sums[site::ALLOCATED_BYTES] += event.size;
                sums[site::ALLOCATED_BLOCKS] += 1;
            } else if event.kind.frees() {
                sums[site::FREED_BYTES] += event.size;
                sums[site::FREED_BLOCKS] += 1;
            }
        }
        for site in self.sites.keys() {
            let told = journal.get(site).copied().unwrap_or_default();
            assert_eq!(told, self.site_sums(*site), "site {site}");
        }
    }

    /// What was freed is wiped, returned, carried or unwiped.
    pub fn check_evidence(&self) {
        for &tag in self.tags.keys() {
            let cell = self.cell(tag);
            let evidence =
                [cell::WIPED_BYTES, cell::RETURNED_BYTES, cell::CARRIED_BYTES, cell::UNWIPED_BYTES];
            let evidence: u64 = evidence.iter().map(|&word| cell[word]).sum();
            assert_eq!(evidence, cell[cell::FREED_BYTES], "evidence for tag {tag}");
        }
    }

    /// The blocks that live at the end, by the journal: each address's events
    /// alternate, and the i-th free is that of the i-th block.
    pub fn live_blocks(&self) -> Vec<Block> {
        #[derive(Default)]
        struct Place {
            allocs: Vec<(u64, u64, u32)>,
            frees: Vec<(u64, u64, u32)>,
        }
        let mut places: BTreeMap<u64, Place> = BTreeMap::new();
        for Record { ticks, event, .. } in &self.events {
            let place = places.entry(event.address).or_default();
            let entry = (*ticks, event.size, event.site);
            if event.kind.allocates() {
                place.allocs.push(entry);
            } else if event.kind.frees() {
                place.frees.push(entry);
            }
        }
        let mut live = Vec::new();
        for (address, Place { mut allocs, mut frees }) in places {
            // The sort is stable: a thread's events keep their order.
            allocs.sort_by_key(|entry| entry.0);
            frees.sort_by_key(|entry| entry.0);
            for (alloc, free) in allocs.iter().zip(&frees) {
                assert_eq!((alloc.1, alloc.2), (free.1, free.2), "a free of {address:#x}");
            }
            match allocs.get(frees.len()..) {
                Some([]) => {}
                Some(&[(_, size, site)]) => {
                    let tag = self.tags[&self.tag_of(site)].name.clone();
                    live.push(Block { address, size, tag });
                }
                _ => panic!("{address:#x}: {} blocks, {} frees", allocs.len(), frees.len()),
            }
        }
        live
    }
}
