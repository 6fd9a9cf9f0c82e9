//! A log made by hand: what the allocator would have written of these events.

use std::collections::{BTreeMap, BTreeSet};

use super::site_log::Sites;
use scrubjay_log_format::cell::{self, PageOwner};
use scrubjay_log_format::{
    ChunkHeader, ChunkKind, ClockKind, Event, EventKind, FileHeader, Mode, Registered,
    TAGS_PER_GROUP, TagClass, TagDeclaration, WipePolicy, WipeRequest, chunk, event, frame,
    process, registry, tag, thread,
};

pub const CHUNK_SIZE: usize = 4096;
/// When the log begins, in ticks, which are nanoseconds.
pub const START: u64 = 1_000_000;
pub const EVENTS_PER_CHUNK: usize = (CHUNK_SIZE - chunk::HEADER_SIZE) / event::SIZE;
const FRAME_CAPACITY: u32 = 4;

/// Events, and what stands around them.
#[derive(Clone)]
pub struct Log {
    pub tags: Vec<TagDeclaration<&'static str>>,
    pub events: Vec<(u32, Event)>,
    pub mode: Mode,
    pub wipe: WipePolicy,
    pub flags: u32,
    pub state: u64,
    /// Moments and live bytes of each tag.
    pub frames: Vec<(u64, Vec<u64>)>,
    /// Who allocated.
    pub sites: Sites,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            tags: vec![
                declared("untagged", TagClass::Public),
                declared("model/weights", TagClass::Public),
                declared("prompt", TagClass::Secret),
            ],
            events: Vec::new(),
            mode: Mode::Journal,
            wipe: WipePolicy::All,
            flags: 0,
            state: process::STATE_EXITED,
            frames: Vec::new(),
            sites: Sites::default(),
        }
    }
}

impl Log {
    /// An event of a slot at so many ticks after the start.
    pub fn add(&mut self, slot: u32, kind: EventKind, ticks: u64, block: (u64, u64), tag: u32) {
        let (address, size) = block;
        let ticks = START + ticks;
        self.events.push((slot, Event { kind, address, size, site: tag, ticks }));
    }

    pub fn alloc(&mut self, slot: u32, ticks: u64, block: (u64, u64), tag: u32) {
        self.add(slot, EventKind::Alloc, ticks, block, tag);
    }

    pub fn free(&mut self, slot: u32, ticks: u64, block: (u64, u64), tag: u32) {
        self.add(slot, EventKind::Free, ticks, block, tag);
    }

    /// So many allocs and frees of two slots: some blocks stay live, some are
    /// freed by the other slot, some reallocated.
    pub fn with_traffic(count: u64) -> Self {
        let mut log = Self::default();
        for index in 0..count {
            let (slot, other) = (1 + (index % 2) as u32, 2 - (index % 2) as u32);
            let (tag, ticks) = ((index % 3) as u32, index * 100 + 1);
            let block = (0x10_0000 + index * 0x100, 16 + index % 50);
            log.alloc(slot, ticks, block, tag);
            match index % 5 {
                0 | 1 => log.free(slot, ticks + 20, block, tag),
                2 => log.free(other, ticks + 120, block, tag),
                3 => {
                    let grown = (block.0, block.1 + 100);
                    log.add(slot, EventKind::ReallocFree, ticks + 30, block, tag);
                    log.add(slot, EventKind::ReallocAlloc, ticks + 30, grown, tag);
                }
                _ => {}
            }
        }
        // Each slot writes in the order of time, the halves of a realloc
        // together.
        log.events.sort_by_key(|(_, event)| event.ticks);
        log.frames = (1..=3).map(|at| (at * 1000, vec![at * 10, at * 100, at])).collect();
        log
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut chunks = vec![vec![0; CHUNK_SIZE]];
        self.ledger(&mut chunks);
        if self.mode == Mode::Journal {
            self.journal(&mut chunks);
        }
        chunks[0] = self.first_chunk(chunks.len() as u64);
        // Room that was reserved and not used.
        chunks.extend([vec![0; CHUNK_SIZE], vec![0; CHUNK_SIZE]]);
        chunks.concat()
    }

    fn slots(&self) -> BTreeSet<u32> {
        self.events.iter().map(|(slot, _)| *slot).collect()
    }

    fn first_chunk(&self, chunk_count: u64) -> Vec<u8> {
        let fields = FileHeader {
            chunk_size: CHUNK_SIZE as u32,
            flags: self.flags,
            mode: self.mode,
            wipe: self.wipe,
            process_id: 4242,
            parent_id: 1,
            start_ticks: START,
            start_monotonic_ns: START,
            start_realtime_ns: 1_795_233_600_000_000_000,
            clock: ClockKind::Monotonic,
            frame_capacity: FRAME_CAPACITY,
            limit_bytes: 1 << 30,
            page_size: 4096,
            sample_interval: 512 << 10,
            stack_depth: 64,
            program: "jay-test",
            host: "nest",
        };
        let mut bytes = vec![0; CHUNK_SIZE];
        bytes[..scrubjay_log_format::header::SIZE].copy_from_slice(&fields.encode());
        let mut words = [0; process::WORD_COUNT];
        words[process::STATE] = self.state;
        words[process::CHUNK_COUNT] = chunk_count;
        let end = self.events.iter().map(|(_, event)| event.ticks).max().unwrap_or(START) + 1000;
        words[process::END_TICKS] = if self.state == process::STATE_EXITED { end } else { 0 };
        let (mut live, mut peak, mut peak_ticks) = (0i64, 0, 0);
        for (_, event) in &self.events {
            live += signed_size(event);
            if live > peak {
                (peak, peak_ticks) = (live, event.ticks);
            }
        }
        words[process::LIVE] = live as u64;
        words[process::PEAK] = peak as u64;
        words[process::PEAK_TICKS] = peak_ticks;
        words[process::THREAD_COUNT] = self.slots().len() as u64;
        words[process::THREAD_LIVE_MAX] = self.slots().len() as u64;
        let stacks = if self.sites.declared.is_empty() { 0 } else { process::MODE_STACKS };
        words[process::MODE] = self.mode as u64 | stacks;
        put_words(&mut bytes, process::OFFSET, &words);
        bytes
    }

    fn ledger(&self, chunks: &mut Vec<Vec<u8>>) {
        let mut tags = new_chunk(chunks.len(), ChunkKind::Tags, 0);
        for (index, declared) in (0..).zip(&self.tags) {
            let at = chunk::HEADER_SIZE + index as usize * tag::DECLARATION_SIZE;
            let record = TagDeclaration { index, ..declared.clone() }.encode();
            tags[at..at + record.len()].copy_from_slice(&record);
        }
        chunks.push(tags);
        chunks.push(new_chunk(chunks.len(), ChunkKind::TagTotals, 0));
        let mut threads = new_chunk(chunks.len(), ChunkKind::Threads, 0);
        for slot in self.slots() {
            let events: Vec<Event> =
                self.events.iter().filter(|(of, _)| *of == slot).map(|(_, event)| *event).collect();
            let mut words = [0; thread::WORD_COUNT];
            words[thread::STATE] = thread::STATE_ENDED;
            words[thread::THREAD] = slot.into();
            words[thread::SEQUENCE] = 2 * events.len() as u64;
            words[thread::CHUNK_COUNT] = chunk_sizes(&events).len() as u64;
            put_words(&mut threads, chunk::HEADER_SIZE + slot as usize * thread::SIZE, &words);
        }
        chunks.push(threads);
        for (page, slot) in self.slots().into_iter().enumerate() {
            // One page fits a chunk of this size.
            let mut cells = new_chunk(chunks.len(), ChunkKind::Cells, page as u32);
            let owner = PageOwner { slot, group: 0 }.encode();
            put_words(&mut cells, chunk::HEADER_SIZE, &[owner]);
            for (index, counters) in self.counters(slot) {
                let at = cell::PAGE_HEADER_SIZE + index as usize * cell::SIZE;
                put_words(&mut cells, chunk::HEADER_SIZE + at, &counters);
            }
            chunks.push(cells);
        }
        let mut moments = new_chunk(chunks.len(), ChunkKind::Frames, 0);
        let mut rows = new_chunk(chunks.len() + 1, ChunkKind::FrameRows, 0);
        for (slot, (ticks, levels)) in self.frames.iter().enumerate() {
            let moment = [START + ticks, levels.iter().sum(), 1, slot as u64 + 1];
            put_words(&mut moments, chunk::HEADER_SIZE + slot * frame::MOMENT_SIZE, &moment);
            put_words(&mut rows, chunk::HEADER_SIZE + slot * frame::ROW_SIZE, levels);
        }
        chunks.push(moments);
        chunks.push(rows);
        self.registry(chunks);
        self.sites.write(self, chunks);
    }

    /// The tag of a site.
    pub fn tag_of(&self, site: u32) -> u32 {
        self.sites.declared.iter().find(|known| known.index == site).map_or(site, |known| known.tag)
    }

    /// The live blocks of watched tags, each at an index of its own.
    fn registry(&self, chunks: &mut Vec<Vec<u8>>) {
        let is_watched = |site: u32| self.tags[self.tag_of(site) as usize].is_watched;
        let mut live: BTreeMap<u64, Registered> = BTreeMap::new();
        let mut carried = 0;
        for (_, event) in self.events.iter().filter(|(_, event)| is_watched(event.site)) {
            let Event { kind, address, size, site, ticks } = *event;
            if kind.frees() {
                carried = live.remove(&address).map_or(ticks, |block| block.born_ticks);
            } else if kind.allocates() {
                let is_new = kind != EventKind::ReallocAlloc;
                let born_ticks = if is_new { ticks } else { carried };
                live.insert(address, Registered { address, site, size, born_ticks });
            }
        }
        if !self.tags.iter().any(|tag| tag.is_watched) {
            return;
        }
        let count = (CHUNK_SIZE - chunk::HEADER_SIZE) / registry::SIZE;
        let blocks: Vec<Registered> = live.into_values().collect();
        for piece in 0..blocks.len().div_ceil(count).max(1) {
            let mut chunk = new_chunk(chunks.len(), ChunkKind::Registry, (piece * count) as u32);
            for (at, block) in blocks.iter().skip(piece * count).take(count).enumerate() {
                let words = [block.address, block.site.into(), block.size, block.born_ticks];
                put_words(&mut chunk, chunk::HEADER_SIZE + at * registry::SIZE, &words);
            }
            chunks.push(chunk);
        }
    }

    fn counters(&self, slot: u32) -> BTreeMap<u32, [u64; cell::WORD_COUNT]> {
        let mut cells: BTreeMap<u32, [u64; cell::WORD_COUNT]> = BTreeMap::new();
        for (_, event) in self.events.iter().filter(|(of, _)| *of == slot) {
            let tag = self.tag_of(event.site);
            let cell = cells.entry(tag).or_default();
            if event.kind.allocates() {
                cell[cell::ALLOCATED_BYTES] += event.size;
                cell[cell::ALLOCATED_BLOCKS] += 1;
            } else if event.kind.frees() {
                cell[cell::FREED_BYTES] += event.size;
                cell[cell::FREED_BLOCKS] += 1;
                let is_wiped = self.tags[tag as usize].wipe;
                let word = if is_wiped { cell::WIPED_BYTES } else { cell::UNWIPED_BYTES };
                cell[word] += event.size;
            } else {
                cell[cell::FAILED_COUNT] += 1;
                cell[cell::FAILED_BYTES] += event.size;
            }
        }
        cells
    }

    /// The slots' chunks in the order of their beginnings.
    fn journal(&self, chunks: &mut Vec<Vec<u8>>) {
        let mut pieces: Vec<(u64, u32, u64, u64, bool, Vec<Event>)> = Vec::new();
        for slot in self.slots() {
            let events: Vec<Event> =
                self.events.iter().filter(|(of, _)| *of == slot).map(|(_, event)| *event).collect();
            let mut rest = &events[..];
            let mut before = 0;
            for (sequence, count) in chunk_sizes(&events).into_iter().enumerate() {
                let (piece, behind) = rest.split_at(count);
                let is_last = behind.is_empty();
                pieces.push((piece[0].ticks, slot, sequence as u64, before, is_last, piece.into()));
                before += count as u64;
                rest = behind;
            }
        }
        pieces.sort_by_key(|(base, slot, sequence, ..)| (*base, *slot, *sequence));
        for (base, slot, sequence, first_event, is_last, events) in pieces {
            let mut bytes = vec![0; CHUNK_SIZE];
            for (at, event) in events.iter().enumerate() {
                let event = Event { ticks: event.ticks.saturating_sub(base), ..*event };
                put_words(&mut bytes, chunk::HEADER_SIZE + at * event::SIZE, &event.encode());
            }
            let header = ChunkHeader {
                kind: ChunkKind::Journal as u16,
                index: chunks.len() as u32,
                owner: slot,
                sequence,
                thread: slot.into(),
                base_ticks: base,
                first_event,
                payload_checksum: (!is_last).then(|| chunk::payload_checksum(&bytes)),
            };
            bytes[..chunk::HEADER_SIZE].copy_from_slice(&header.encode());
            chunks.push(bytes);
        }
    }
}

/// A tag as the allocator declares it under the policy "all": secret ones are
/// watched.
pub fn declared(name: &'static str, class: TagClass) -> TagDeclaration<&'static str> {
    TagDeclaration {
        index: 0,
        name,
        class,
        wipe: true,
        request: WipeRequest::None,
        is_vault: false,
        is_watched: class == TagClass::Secret,
        greatest_age_ms: 0,
    }
}

/// How many events go into each chunk of a slot: as many as fit without
/// dividing the halves of a realloc.
fn chunk_sizes(events: &[Event]) -> Vec<usize> {
    let mut sizes = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        let mut count = rest.len().min(EVENTS_PER_CHUNK);
        if rest.len() > count && rest[count].kind == EventKind::ReallocAlloc {
            count -= 1;
        }
        sizes.push(count);
        rest = &rest[count..];
    }
    sizes
}

fn signed_size(event: &Event) -> i64 {
    if event.kind.allocates() {
        event.size as i64
    } else if event.kind.frees() {
        -(event.size as i64)
    } else {
        0
    }
}

pub fn new_chunk(index: usize, kind: ChunkKind, owner: u32) -> Vec<u8> {
    let header = ChunkHeader {
        kind: kind as u16,
        index: index as u32,
        owner,
        sequence: 0,
        thread: 0,
        base_ticks: 0,
        first_event: 0,
        payload_checksum: None,
    };
    let mut bytes = vec![0; CHUNK_SIZE];
    bytes[..chunk::HEADER_SIZE].copy_from_slice(&header.encode());
    bytes
}

pub fn put_words(bytes: &mut [u8], at: usize, words: &[u64]) {
    for (place, word) in bytes[at..].chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
}

/// Where the chunks of a kind stand in a log.
pub fn chunks_of(bytes: &[u8], kind: ChunkKind) -> Vec<(usize, ChunkHeader)> {
    let chunks = bytes.chunks(CHUNK_SIZE).enumerate().skip(1);
    let chunks = chunks.filter_map(|(index, chunk)| {
        Some((index * CHUNK_SIZE, ChunkHeader::decode(chunk, index as u32).ok()??))
    });
    chunks.filter(|(_, header)| header.kind == kind as u16).collect()
}

/// Where a counter of the n-th page of cells stands in a log.
pub fn counter_offset(bytes: &[u8], page: usize, tag: u32, word: usize) -> usize {
    assert!(tag < TAGS_PER_GROUP);
    let (start, _) = chunks_of(bytes, ChunkKind::Cells)[page];
    start + chunk::HEADER_SIZE + cell::PAGE_HEADER_SIZE + tag as usize * cell::SIZE + word * 8
}

/// Where a word of the n-th record of the registry stands.
pub fn registered_offset(bytes: &[u8], index: usize, word: usize) -> usize {
    let (start, _) = chunks_of(bytes, ChunkKind::Registry)[0];
    start + chunk::HEADER_SIZE + index * registry::SIZE + word * 8
}

/// Where a word of a tag's totals stands.
pub fn totals_offset(bytes: &[u8], tag: u32, word: usize) -> usize {
    let (start, _) = chunks_of(bytes, ChunkKind::TagTotals)[0];
    start + chunk::HEADER_SIZE + tag as usize * tag::TOTALS_SIZE + word * 8
}

/// Adds to a word of a log.
pub fn add_to_word(bytes: &mut [u8], at: usize, value: i64) {
    let word: [u8; 8] = bytes[at..at + 8].try_into().unwrap();
    let word = u64::from_le_bytes(word).wrapping_add(value as u64);
    bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
}
