//! The part of a log made by hand that says who allocated.

use std::collections::BTreeMap;

use scrubjay_log_format::site::{self, CachePageOwner, CachedSite, FIRST, Weight};
use scrubjay_log_format::{
    ChunkKind, Event, Mode, Module, Note, SiteDeclaration, StackNode, chunk, module, note, stack,
};

use super::log::{CHUNK_SIZE, Log, chunks_of, new_chunk, put_words};

/// Sites that a tag has in [`Log::with_sites`].
pub const SITES_A_TAG: u32 = 4;
/// Events of each slot that stand in its cache.
const CACHED: usize = 20;
pub const SAMPLE_INTERVAL: u64 = 512 << 10;

/// Stacks, sites, modules and notes.
#[derive(Clone, Default)]
pub struct Sites {
    pub declared: Vec<SiteDeclaration>,
    /// The nodes of stacks from 1 on.
    pub nodes: Vec<StackNode>,
    pub notes: Vec<(&'static str, &'static str)>,
    pub modules: Vec<&'static str>,
}

impl Log {
    /// Traffic whose blocks come from four sites a tag, but for every seventh;
    /// a realloc is a site of its own.
    pub fn with_sites(count: u64) -> Self {
        let mut log = Self::with_traffic(count);
        for tag in 0..3 {
            for at in 0..SITES_A_TAG {
                let index = FIRST + tag * SITES_A_TAG + at;
                let (stack, flags) = (index - FIRST + 2, 0);
                let declared =
                    SiteDeclaration { index, tag, stack, owner: 0, generation: 0, flags };
                log.sites.declared.push(declared);
            }
        }
        log.sites.nodes.push(StackNode { address: 0x5500_0077, parent: 0 });
        for at in 0..3 * u64::from(SITES_A_TAG) {
            let address = 0x5500_1003 + at * 0x111;
            log.sites.nodes.push(StackNode { address, parent: 1 + (at % 3) as u32 / 2 });
        }
        log.sites.notes = vec![("model", "llama"), ("commit", "abc"), ("model", "gpt")];
        log.sites.modules = vec!["/bin/jay", "/lib/libc.so.6", "/lib/libm.so.6"];
        for (_, event) in &mut log.events {
            let number = (event.address >> 8) as u32;
            if number.is_multiple_of(7) {
                continue;
            }
            let moved = u32::from(event.kind == scrubjay_log_format::EventKind::ReallocAlloc);
            event.site = FIRST + event.site * SITES_A_TAG + (number + moved) % SITES_A_TAG;
        }
        log
    }
}

/// The first four counters of a site.
pub type Counters = [u64; 4];

pub fn count(counters: &mut Counters, event: &Event) {
    let at = if event.kind.allocates() { 0 } else { 2 };
    if event.kind.allocates() || event.kind.frees() {
        counters[at] += event.size;
        counters[at + 1] += 1;
    }
}

impl Sites {
    /// Writes all of it behind what is there.
    pub fn write(&self, log: &Log, chunks: &mut Vec<Vec<u8>>) {
        if self.declared.is_empty() {
            return;
        }
        let nodes = (1..).zip(&self.nodes).map(|(index, node)| {
            (index, node.encode(index).map(u64::to_le_bytes).as_flattened().to_vec())
        });
        table(chunks, ChunkKind::Stacks, stack::SIZE, nodes);
        let declared = self.declared.iter().map(|it| (it.index - FIRST, it.encode().to_vec()));
        table(chunks, ChunkKind::Sites, site::DECLARATION_SIZE, declared);
        let notes = (0..).zip(&self.notes).map(|(index, &(name, value))| {
            let note = Note { index, ticks: 5, name, value, is_cut: false };
            (index, note.encode().to_vec())
        });
        table(chunks, ChunkKind::Notes, note::SIZE, notes);
        let modules = (0..).zip(&self.modules).map(|(index, &path)| {
            let start = 0x5500_0000 + 0x10_0000 * u64::from(index);
            let module = Module {
                index,
                flags: 0,
                bias: start,
                start,
                end: start + 0x10_0000,
                loaded_ticks: 5,
                unloaded_ticks: 0,
                build_id: [index as u8, 7, 9],
                path,
            };
            (index, module.encode().to_vec())
        });
        table(chunks, ChunkKind::Modules, module::SIZE, modules);
        if log.mode == Mode::Sample {
            self.write_sample(log, chunks);
        } else {
            self.write_counters(log, chunks);
        }
    }

    /// The counters of all but the slots' last events, which are in caches.
    fn write_counters(&self, log: &Log, chunks: &mut Vec<Vec<u8>>) {
        let mut shared: BTreeMap<u32, Counters> = BTreeMap::new();
        let mut cached: BTreeMap<u32, BTreeMap<u32, Counters>> = BTreeMap::new();
        let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
        for (slot, event) in log.events.iter().rev() {
            let seen = seen.entry(*slot).or_default();
            *seen += 1;
            if event.site < FIRST {
                continue;
            }
            let counters = if *seen <= CACHED {
                cached.entry(*slot).or_default().entry(event.site).or_default()
            } else {
                shared.entry(event.site).or_default()
            };
            count(counters, event);
        }
        let shared = shared.into_iter().map(|(site, counters)| {
            let mut words = [0; site::COUNTER_COUNT];
            words[..4].copy_from_slice(&counters);
            (site - FIRST, words.map(u64::to_le_bytes).as_flattened().to_vec())
        });
        table(chunks, ChunkKind::SiteCounters, site::COUNTERS_SIZE, shared);
        let pages = (0..).zip(cached).map(|(index, (slot, entries))| {
            let mut page = vec![0; site::CACHE_PAGE_SIZE];
            put_words(&mut page, 0, &[CachePageOwner { slot, page: 0 }.encode()]);
            for (site, counters) in entries {
                let at = site as usize % site::CACHE_PAGE_ENTRIES;
                let at = site::CACHE_HEADER_SIZE + at * site::CACHE_ENTRY_WORDS * 8;
                put_words(&mut page, at, &[CachedSite::encode_head(site, None)]);
                put_words(&mut page, at + 8, &counters);
            }
            (index, page)
        });
        table(chunks, ChunkKind::SiteCaches, site::CACHE_PAGE_SIZE, pages);
    }

    /// Every event's block is in the sample.
    fn write_sample(&self, log: &Log, chunks: &mut Vec<Vec<u8>>) {
        let mut sites: BTreeMap<u32, [u64; site::COUNTER_COUNT]> = BTreeMap::new();
        for (_, event) in log.events.iter().filter(|(_, event)| event.site >= FIRST) {
            let words = sites.entry(event.site - FIRST).or_default();
            let weight = Weight::of(event.size, SAMPLE_INTERVAL);
            let freed = usize::from(event.kind.frees());
            let values = [
                (freed * 2, event.size),
                (freed * 2 + 1, 1),
                (site::ESTIMATED_ALLOCATED_BYTES + 2 * freed, weight.bytes),
                (site::ESTIMATED_ALLOCATED_BLOCKS + 2 * freed, weight.blocks),
                (site::VARIANCE_ALLOCATED_BYTES + freed, weight.variance_bytes),
                (site::VARIANCE_ALLOCATED_BLOCKS + freed, weight.variance_blocks),
            ];
            for (word, value) in values {
                words[word] += value;
            }
        }
        let sites = sites
            .into_iter()
            .map(|(index, words)| (index, words.map(u64::to_le_bytes).as_flattened().to_vec()));
        table(chunks, ChunkKind::SiteCounters, site::COUNTERS_SIZE, sites);
    }
}

/// Records by index, in as many chunks as it takes.
fn table(
    chunks: &mut Vec<Vec<u8>>,
    kind: ChunkKind,
    size: usize,
    records: impl Iterator<Item = (u32, Vec<u8>)>,
) {
    let a_chunk = (CHUNK_SIZE - chunk::HEADER_SIZE) / size;
    let mut pieces: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    let first = chunks.len();
    for (index, record) in records {
        let piece = index as usize / a_chunk;
        let next = first + pieces.len();
        let bytes =
            pieces.entry(piece).or_insert_with(|| new_chunk(next, kind, (piece * a_chunk) as u32));
        let at = chunk::HEADER_SIZE + index as usize % a_chunk * size;
        bytes[at..at + size].copy_from_slice(&record);
    }
    chunks.extend(pieces.into_values());
}

/// Where a record of a kind stands.
pub fn record_offset(bytes: &[u8], kind: ChunkKind, index: usize, size: usize) -> usize {
    let a_chunk = (CHUNK_SIZE - chunk::HEADER_SIZE) / size;
    let (start, _) = chunks_of(bytes, kind)[index / a_chunk];
    start + chunk::HEADER_SIZE + index % a_chunk * size
}
