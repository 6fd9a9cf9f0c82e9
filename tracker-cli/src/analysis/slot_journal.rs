//! What the journal of one thread slot adds up to, chunk by chunk.

use std::collections::BTreeMap;

use scrubjay_log_format::{ChunkHeader, Event, EventKind, TAGS_PER_GROUP, chunk, event};

use super::findings::{Check, Findings};
use super::sites::{Sites, UNKNOWN_TAG};

/// What the events of each site add up to.
pub type SiteSums = Vec<Sums>;

/// What a slot's events of one tag add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub allocated_bytes: u64,
    pub allocated_blocks: u64,
    pub freed_bytes: u64,
    pub freed_blocks: u64,
    pub failed_bytes: u64,
    pub failed_count: u64,
}

impl Sums {
    /// Adds one event.
    pub fn add(&mut self, event: &Event) {
        let (bytes, count) = match event.kind {
            EventKind::Alloc | EventKind::AllocZeroed | EventKind::ReallocAlloc => {
                (&mut self.allocated_bytes, &mut self.allocated_blocks)
            }
            EventKind::Free | EventKind::ReallocFree => {
                (&mut self.freed_bytes, &mut self.freed_blocks)
            }
            EventKind::Failed => (&mut self.failed_bytes, &mut self.failed_count),
            EventKind::Thread => return,
        };
        *bytes = bytes.wrapping_add(event.size);
        *count = count.wrapping_add(1);
    }

    /// Adds other events.
    pub fn merge(&mut self, other: &Self) {
        let add = |sum: &mut u64, other: u64| *sum = sum.wrapping_add(other);
        add(&mut self.allocated_bytes, other.allocated_bytes);
        add(&mut self.allocated_blocks, other.allocated_blocks);
        add(&mut self.freed_bytes, other.freed_bytes);
        add(&mut self.freed_blocks, other.freed_blocks);
        add(&mut self.failed_bytes, other.failed_bytes);
        add(&mut self.failed_count, other.failed_count);
    }

    /// The figures that a site's counters have as well, in their order.
    pub fn counters(&self) -> [u64; 4] {
        [self.allocated_bytes, self.allocated_blocks, self.freed_bytes, self.freed_blocks]
    }

    /// How many events there were.
    pub fn event_count(&self) -> u64 {
        self.allocated_blocks.wrapping_add(self.freed_blocks).wrapping_add(self.failed_count)
    }
}

type Group = Box<[Sums; TAGS_PER_GROUP as usize]>;

/// The journal of one slot so far.
#[derive(Debug, Default)]
pub struct SlotJournal {
    groups: Vec<Option<Group>>,
    /// Chunks seen, whether or not others are missing.
    pub chunk_count: u64,
    /// A ring may have overwritten chunks, whichever they were.
    is_ring: bool,
    next_sequence: u64,
    next_event: u64,
    /// Chunks that are missing among those seen and before them.
    pub missing_chunks: u64,
    /// A chunk is missing, so that sums cannot be compared.
    pub is_broken: bool,
    was_open: bool,
    /// The last events, each with its tag: one, or a realloc's pair.
    pub last: Vec<(u32, Event)>,
}

impl SlotJournal {
    /// The journal of a slot of which nothing was seen yet.
    pub fn new(is_ring: bool) -> Self {
        Self { is_ring, ..Self::default() }
    }

    /// The sums of a tag.
    pub fn sums(&self, tag: u32) -> Sums {
        let group = self.groups.get((tag / TAGS_PER_GROUP) as usize).and_then(Option::as_ref);
        group.map_or_else(Sums::default, |group| group[(tag % TAGS_PER_GROUP) as usize])
    }

    /// The tags that occur.
    pub fn tags(&self) -> impl Iterator<Item = (u32, &Sums)> {
        let groups = (0..).zip(&self.groups);
        let groups = groups.filter_map(|(index, group)| Some((index, group.as_ref()?)));
        groups
            .flat_map(|(index, group)| (index * TAGS_PER_GROUP..).zip(group.iter()))
            .filter(|(_, sums)| **sums != Sums::default())
    }

    /// How many events there are.
    pub fn event_count(&self) -> u64 {
        self.tags().map(|(_, sums)| sums.event_count()).fold(0, u64::wrapping_add)
    }

    /// Takes in the slot's next chunk, and checks what can be checked of it
    /// alone.
    pub fn chunk(
        &mut self,
        (header, offset): (&ChunkHeader, u64),
        bytes: &[u8],
        sites: &Sites,
        site_sums: &mut SiteSums,
        findings: &mut Findings,
    ) {
        self.check_header(header, offset, findings);
        self.chunk_count += 1;
        self.next_sequence = header.sequence.wrapping_add(1);
        let is_shared = header.owner == 0;
        let records = bytes.get(chunk::HEADER_SIZE..).unwrap_or(&[]);
        let mut count = 0u64;
        let mut pair = false;
        let mut end = None;
        for (at, record) in records.chunks_exact(event::SIZE).enumerate() {
            let place = offset + (chunk::HEADER_SIZE + at * event::SIZE) as u64;
            let event = match Event::decode(record) {
                Ok(Some(event)) => event,
                Ok(None) if is_shared => continue,
                Ok(None) => {
                    end = Some(at);
                    break;
                }
                // The replay tells which event of a chunk cannot be read.
                Err(_) => {
                    self.is_broken = true;
                    continue;
                }
            };
            if event.kind == EventKind::Thread {
                continue;
            }
            count += 1;
            if !Sites::is_possible(event.site) {
                self.is_broken = true;
                continue;
            }
            let tag = sites.tag(event.site);
            if !self.check_pair(&mut pair, tag, &event) {
                findings.at(Check::Structure, place, "half of a realloc without the other");
                self.is_broken = true;
            }
            self.add(tag, &event);
            add_to_site(site_sums, &event);
        }
        if pair {
            let what = "half of a realloc at the end of a chunk";
            findings.at(Check::Structure, offset, what);
        }
        self.next_event = header.first_event.wrapping_add(count);
        let records = records.chunks_exact(event::SIZE);
        if let Some(end) = end {
            // Behind the end may stand what a kill left of an event, or of a
            // pair: their first words were to come last.
            let in_the_making = if header.payload_checksum.is_some() { 0 } else { 2 };
            let behind = records.enumerate().skip(end + in_the_making);
            for (at, _) in behind.filter(|(_, record)| record.iter().any(|&byte| byte != 0)).take(1)
            {
                let place = offset + (chunk::HEADER_SIZE + at * event::SIZE) as u64;
                findings.at(Check::Structure, place, "records behind the end of the journal chunk");
                self.is_broken = true;
            }
        }
    }

    fn check_header(&mut self, header: &ChunkHeader, offset: u64, findings: &mut Findings) {
        let slot = header.owner;
        if header.sequence > self.next_sequence && self.is_ring {
            self.missing_chunks += header.sequence - self.next_sequence;
        } else if header.sequence != self.next_sequence {
            let (expected, found) = (self.next_sequence, header.sequence);
            let what = if found > expected {
                format!("slot {slot}: journal chunks {expected} to {} are missing", found - 1)
            } else {
                format!("slot {slot}: journal chunk {found} comes after chunk {}", expected - 1)
            };
            findings.at(Check::Continuity, offset, what);
            self.is_broken = true;
        } else if header.first_event < self.next_event && slot != 0 {
            let (before, found) = (self.next_event, header.first_event);
            let what = format!("slot {slot}: begins at event {found}, but {before} came before");
            findings.at(Check::Continuity, offset, what);
        }
        if self.was_open && slot != 0 {
            let what = format!("slot {slot}: begins a chunk while the one before is not sealed");
            findings.at(Check::Continuity, offset, what);
        }
        self.was_open = header.payload_checksum.is_none();
    }

    /// Whether the event fits the one before it: the halves of a realloc
    /// stand together.
    fn check_pair(&mut self, pair: &mut bool, tag: u32, event: &Event) -> bool {
        let is_second = event.kind == EventKind::ReallocAlloc;
        // Both halves have the block's tag, each a site of its own.
        let first = self.last.last().filter(|_| *pair);
        let fits = *pair == is_second && first.is_none_or(|&(first, _)| first == tag);
        if !fits || !is_second {
            self.last.clear();
        }
        self.last.push((tag, *event));
        *pair = event.kind == EventKind::ReallocFree;
        fits
    }

    fn add(&mut self, tag: u32, event: &Event) {
        let group = (tag / TAGS_PER_GROUP) as usize;
        debug_assert!(tag <= UNKNOWN_TAG, "the groups have a bound");
        if self.groups.len() <= group {
            self.groups.resize_with(group + 1, || None);
        }
        let sums = self.groups[group].get_or_insert_default();
        sums[(tag % TAGS_PER_GROUP) as usize].add(event);
    }
}

fn add_to_site(sums: &mut SiteSums, event: &Event) {
    let site = event.site as usize;
    if sums.len() <= site {
        sums.resize(site + 1, Sums::default());
    }
    sums[site].add(event);
}

/// What the events of a chunk add up to, by tag, that a ring was overwriting.
pub fn going_sums(bytes: &[u8], sites: &Sites) -> impl Iterator<Item = (u32, Sums)> {
    let mut tags: BTreeMap<u32, Sums> = BTreeMap::new();
    let records = bytes.get(chunk::HEADER_SIZE..).unwrap_or(&[]).chunks_exact(event::SIZE);
    for event in records.filter_map(|record| Event::decode(record).ok().flatten()) {
        if event.kind != EventKind::Thread {
            tags.entry(sites.tag(event.site)).or_default().add(&event);
        }
    }
    tags.into_iter()
}
