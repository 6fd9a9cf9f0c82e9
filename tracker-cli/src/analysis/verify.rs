//! Whether a log is sound: its bytes alone, its journal against its ledger,
//! and the ledger against itself.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use scrubjay_log_format::cell::{self, PageOwner};
use scrubjay_log_format::{
    ChunkHeader, ChunkKind, Event, EventKind, Mode, TAGS_PER_GROUP, chunk, header, process, tag,
    thread,
};

use super::clock::Clock;
use super::file::{Chunks, LogFile, Place};
use super::findings::{Check, Finding, Findings};
use super::journal::{self, At, Visitor};
use super::ledger::{Counters, Ledger, ledger_kind, records, slot_in_flight};
use super::live::LiveBlocks;
use super::run::End;
use super::slot_journal::{SlotJournal, Sums};
use crate::error::Error;
use crate::progress::Progress;
use crate::text;

/// What was found, and what could not be looked for.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The contradictions.
    pub findings: Findings,
    /// Events of the journal.
    pub events: u64,
    /// Events that were in flight at the last moment, and are mended.
    pub mended: u64,
    /// Checks that do not apply, each with its reason.
    pub skipped: Vec<(Check, &'static str)>,
}

/// Looks at everything.
///
/// # Errors
/// Where the file cannot be read.
pub fn verify(
    file: &LogFile,
    ledger: &Ledger,
    progress: impl Fn(&'static str) -> Progress,
) -> Result<Verdict, Error> {
    let mut verdict = Verdict::default();
    let end = End::of(file);
    let is_moving = matches!(end, End::Running | End::Dumped);
    let mut damages = ledger.damages.clone();
    check_rest(file, &progress("looking at what is unused"), &mut verdict.findings)?;

    let has_journal = file.header.mode == Mode::Journal && !file.header.has(header::FLAG_DUMP);
    let has_gaps = ledger.has_older_blocks(file) || ledger.totals().dropped_events() > 0;
    let mut replay = Replay {
        file,
        slots: BTreeMap::new(),
        live: LiveBlocks::new(Clock::new(file).disagreement(), has_gaps),
        findings: Findings::default(),
        events: 0,
    };
    if has_journal {
        damages.merge(journal::replay(file, &progress("replaying"), &mut replay)?);
    } else {
        for check in [Check::Continuity, Check::Ledger, Check::Alternation] {
            verdict.skipped.push((check, "this log has no journal"));
        }
    }
    for damage in damages.kept() {
        verdict.findings.add(Finding {
            check: Check::Structure,
            offset: Some(damage.offset),
            tag: None,
            slot: None,
            message: damage.to_string(),
        });
    }
    verdict.findings.count += damages.count() - damages.kept().len() as u64;
    verdict.events = replay.events;
    for finding in replay.findings.kept {
        verdict.findings.add(finding);
    }
    if is_moving {
        let why = if end == End::Running {
            "the process still runs and counts on"
        } else {
            "the process counted on while it was dumped"
        };
        verdict.skipped.retain(|(check, _)| *check == Check::Alternation);
        for check in [Check::Continuity, Check::Ledger, Check::Evidence] {
            verdict.skipped.push((check, why));
        }
    } else {
        let mut compare =
            Compare { file, ledger, slots: &replay.slots, has_journal, verdict: &mut verdict };
        compare.continuity();
        compare.cells()?;
        compare.published();
    }
    if has_journal {
        check_alternation(ledger, &replay.live, has_gaps || !damages.is_empty(), &mut verdict);
    }
    verdict.findings.kept.sort_by_key(|finding| finding.check);
    Ok(verdict)
}

/// What nothing should stand in: room that is unused, the rest behind the
/// last record of a chunk, and words without a meaning.
fn check_rest(file: &LogFile, progress: &Progress, findings: &mut Findings) -> Result<(), Error> {
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
            ChunkKind::Threads => &thread::NAMES,
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

/// The journal, added up by slot and tag and played back.
struct Replay<'f> {
    file: &'f LogFile,
    slots: BTreeMap<u32, SlotJournal>,
    live: LiveBlocks,
    findings: Findings,
    events: u64,
}

impl Visitor for Replay<'_> {
    fn chunk(&mut self, header: &ChunkHeader, bytes: &[u8]) {
        let offset = self.file.offset(header.index);
        let slot = self.slots.entry(header.owner).or_default();
        slot.chunk(header, offset, bytes, &mut self.findings);
    }

    #[inline]
    fn event(&mut self, event: &Event, at: &At) -> ControlFlow<()> {
        self.events += u64::from(event.kind != EventKind::Thread);
        self.live.event(event, at);
        ControlFlow::Continue(())
    }
}

/// The ledger against the journal and itself.
struct Compare<'a> {
    file: &'a LogFile,
    ledger: &'a Ledger,
    slots: &'a BTreeMap<u32, SlotJournal>,
    has_journal: bool,
    verdict: &'a mut Verdict,
}

/// What a cell lacks of what the journal has, or has more (below zero).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gap {
    allocated_bytes: i64,
    allocated_blocks: i64,
    freed_bytes: i64,
    freed_blocks: i64,
    failed_bytes: i64,
    failed_count: i64,
}

impl Gap {
    const NONE: Self = Self {
        allocated_bytes: 0,
        allocated_blocks: 0,
        freed_bytes: 0,
        freed_blocks: 0,
        failed_bytes: 0,
        failed_count: 0,
    };

    /// `journal + dropped + base - cell`. How many bytes failed events asked
    /// for that were dropped is not recorded.
    fn new(journal: &Sums, base: &Counters, cell: &Counters) -> Self {
        let gap = |journal: u64, dropped: Option<usize>, word: usize| {
            let dropped = dropped.map_or(0, |dropped| cell[dropped].wrapping_sub(base[dropped]));
            let told = journal.wrapping_add(dropped).wrapping_add(base[word]);
            told.wrapping_sub(cell[word]) as i64
        };
        let dropped_failures = cell[cell::DROPPED_FAILED_COUNT];
        let failed_bytes = gap(journal.failed_bytes, None, cell::FAILED_BYTES);
        Self {
            allocated_bytes: gap(
                journal.allocated_bytes,
                Some(cell::DROPPED_ALLOCATED_BYTES),
                cell::ALLOCATED_BYTES,
            ),
            allocated_blocks: gap(
                journal.allocated_blocks,
                Some(cell::DROPPED_ALLOCATED_BLOCKS),
                cell::ALLOCATED_BLOCKS,
            ),
            freed_bytes: gap(
                journal.freed_bytes,
                Some(cell::DROPPED_FREED_BYTES),
                cell::FREED_BYTES,
            ),
            freed_blocks: gap(
                journal.freed_blocks,
                Some(cell::DROPPED_FREED_BLOCKS),
                cell::FREED_BLOCKS,
            ),
            failed_bytes: if dropped_failures > 0 { 0 } else { failed_bytes },
            failed_count: gap(
                journal.failed_count,
                Some(cell::DROPPED_FAILED_COUNT),
                cell::FAILED_COUNT,
            ),
        }
    }

    fn bytes(&self) -> [i64; 3] {
        [self.allocated_bytes, self.freed_bytes, self.failed_bytes]
    }

    fn counts(&self) -> [i64; 3] {
        [self.allocated_blocks, self.freed_blocks, self.failed_count]
    }

    /// Whether the slot's last event, in the journal and not yet or partly in
    /// the cell, explains the gap.
    fn is_event(&self, events: &[Event], tag: u32) -> bool {
        let mut whole = Sums::default();
        for event in events.iter().filter(|event| event.site == tag) {
            whole.add(event);
        }
        let bytes = [whole.allocated_bytes, whole.freed_bytes, whole.failed_bytes];
        let counts = [whole.allocated_blocks, whole.freed_blocks, whole.failed_count];
        let is_part = |(gap, whole): (i64, u64)| gap == 0 || gap == whole as i64;
        self.bytes().into_iter().zip(bytes).all(is_part)
            && self.counts().into_iter().zip(counts).all(is_part)
    }

    /// Whether one event that was being counted as dropped explains the gap:
    /// as dropped first, blocks before bytes, and then as what it is.
    fn is_drop(&self, cell: &Counters) -> bool {
        let dropped = [
            cell[cell::DROPPED_ALLOCATED_BLOCKS],
            cell[cell::DROPPED_FREED_BLOCKS],
            cell[cell::DROPPED_FAILED_COUNT],
        ];
        let counts = self.counts();
        counts.iter().all(|&count| (0..=1).contains(&count))
            && counts.iter().sum::<i64>() <= 1
            && counts.iter().zip(dropped).all(|(&count, dropped)| count == 0 || dropped > 0)
            && self
                .bytes()
                .iter()
                .zip(counts)
                .all(|(&bytes, count)| bytes == 0 || count == 1 && bytes > 0)
    }

    /// Whether so many events of threads that share the slot explain the gap.
    fn is_some_of(&self, in_flight: u64) -> bool {
        let count: u64 = self.counts().iter().map(|count| count.unsigned_abs()).sum();
        count <= in_flight
    }
}

impl Compare<'_> {
    /// The chunks and events of each slot, by its own count of them.
    fn continuity(&mut self) {
        if !self.has_journal {
            return;
        }
        for (&slot, words) in &self.ledger.threads {
            let none = SlotJournal::default();
            let journal = self.slots.get(&slot).unwrap_or(&none);
            let taken = words.words[thread::CHUNK_COUNT];
            // A chunk may have been counted and not yet begun.
            let in_flight = slot_in_flight(slot, words);
            let missing = taken.wrapping_sub(journal.chunk_count) as i64;
            if missing != 0 && !(missing == 1 && in_flight > 0) {
                let found = text::plural(journal.chunk_count, "journal chunk");
                let message = format!("slot {slot}: {found} found, {} taken", text::count(taken));
                self.slot_finding(Check::Continuity, slot, message);
                continue;
            }
            if journal.is_broken {
                continue;
            }
            let mut dropped = 0u64;
            for tag in &self.ledger.tags {
                dropped = dropped.wrapping_add(tag.dropped_events());
            }
            let finished =
                if slot == 0 { words.words[thread::FINISHED] } else { words.event_count() };
            let held = journal.event_count();
            let greatest = held.saturating_add(if dropped > 0 { u64::MAX / 2 } else { 0 });
            // A pair in flight is two events.
            if finished.saturating_add(2 * in_flight) < held.saturating_sub(journal.left_out)
                || finished > greatest.saturating_add(2 * in_flight)
            {
                let message = format!(
                    "slot {slot}: {} finished, the journal has {}",
                    text::plural(finished, "event"),
                    text::count(held)
                );
                self.slot_finding(Check::Continuity, slot, message);
            }
        }
    }

    /// Every cell against the journal of its slot and tag, and against
    /// itself.
    fn cells(&mut self) -> Result<(), Error> {
        let mut found: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut mended = BTreeMap::new();
        let mut chunks = Chunks::new(self.file);
        while let Some((_, place)) = chunks.next()? {
            let Place::Chunk(header) = place else { continue };
            if header.kind != ChunkKind::Cells as u16 {
                continue;
            }
            let Ok(bytes) = chunks.load(&header)? else { continue };
            for (index, offset, page) in records(self.file, &header, ChunkKind::Cells, bytes) {
                let Some(owner) = PageOwner::decode(page) else { continue };
                found.entry(owner.slot).or_default().push(owner.group);
                let base = self.ledger.base(index);
                for (at, cell) in cell::decode_cells(page).enumerate() {
                    let tag = owner.group * TAGS_PER_GROUP + at as u32;
                    let offset = offset + (cell::PAGE_HEADER_SIZE + at * cell::SIZE) as u64;
                    let base = base.and_then(|base| base.get(at)).copied().unwrap_or_default();
                    let place = CellPlace { slot: owner.slot, tag, offset };
                    self.evidence(place, &cell);
                    if self.has_journal && self.cell(place, &base, &cell) {
                        *mended.entry(owner.slot).or_insert(0u64) += 1;
                    }
                }
            }
        }
        for (slot, count) in mended {
            self.verdict.mended += 1;
            if slot != 0 && count > 1 {
                let message = format!("slot {slot}: {count} tags lack an event in flight");
                self.slot_finding(Check::Ledger, slot, message);
            }
        }
        self.lost_cells(&found);
        Ok(())
    }

    /// Journals without a cell to compare with.
    fn lost_cells(&mut self, found: &BTreeMap<u32, Vec<u32>>) {
        for (&slot, journal) in self.slots {
            let groups = found.get(&slot).map_or(&[][..], Vec::as_slice);
            for (tag, sums) in journal.tags() {
                if groups.contains(&(tag / TAGS_PER_GROUP)) {
                    continue;
                }
                let name = self.ledger.name(tag);
                let events = text::plural(sums.event_count(), "event");
                self.verdict.findings.add(Finding {
                    check: Check::Ledger,
                    offset: None,
                    slot: Some(slot),
                    message: format!("tag {name}, slot {slot}: {events} in the journal, no cell"),
                    tag: Some(name),
                });
            }
        }
    }

    /// Compares one cell; whether an event in flight had to be mended.
    fn cell(&mut self, place: CellPlace, base: &Counters, cell: &Counters) -> bool {
        let none = SlotJournal::default();
        let journal = self.slots.get(&place.slot).unwrap_or(&none);
        let gap = Gap::new(&journal.sums(place.tag), base, cell);
        if gap == Gap::NONE || journal.is_broken {
            return false;
        }
        let in_flight = self.in_flight(place.slot);
        let explained = if place.slot == 0 {
            gap.is_some_of(in_flight)
        } else {
            in_flight > 0 && (gap.is_event(&journal.last, place.tag) || gap.is_drop(cell))
        };
        if !explained {
            let names = [
                "allocated bytes",
                "allocated blocks",
                "freed bytes",
                "freed blocks",
                "bytes of failures",
                "failures",
            ];
            let [a, b, c, d, e, f] = [
                gap.allocated_bytes,
                gap.allocated_blocks,
                gap.freed_bytes,
                gap.freed_blocks,
                gap.failed_bytes,
                gap.failed_count,
            ];
            let parts: Vec<String> = [a, b, c, d, e, f]
                .into_iter()
                .zip(names)
                .filter(|&(difference, _)| difference != 0)
                .map(|(difference, name)| {
                    let more = if difference > 0 { "fewer" } else { "more" };
                    format!("{} {more} {name}", text::count(difference.unsigned_abs()))
                })
                .collect();
            let what = format!("the ledger has {} than the journal", parts.join(", "));
            self.cell_finding(Check::Ledger, place, &what);
        }
        explained
    }

    /// `freed = wiped + returned + carried + unwiped`, but for one free in
    /// flight.
    fn evidence(&mut self, place: CellPlace, cell: &Counters) {
        let accounted =
            [cell::WIPED_BYTES, cell::RETURNED_BYTES, cell::CARRIED_BYTES, cell::UNWIPED_BYTES];
        let accounted = accounted.iter().fold(0u64, |sum, &word| sum.wrapping_add(cell[word]));
        let gap = cell[cell::FREED_BYTES].wrapping_sub(accounted) as i64;
        if gap == 0 {
            return;
        }
        let journal = self.slots.get(&place.slot);
        let in_flight = self.in_flight(place.slot);
        let may_be_in_flight = if !self.has_journal {
            // Without a journal nothing marks an event in flight.
            gap > 0
        } else if place.slot == 0 || cell[cell::DROPPED_FREED_BLOCKS] > 0 {
            gap > 0 && in_flight > 0
        } else {
            let last = journal.map_or(&[][..], |journal| &journal.last);
            let freed = last.iter().filter(|event| event.kind.frees() && event.site == place.tag);
            in_flight > 0 && gap > 0 && freed.map(|event| event.size as i64).any(|size| gap <= size)
        };
        if !may_be_in_flight {
            let what = if gap > 0 {
                format!("{} freed bytes are not accounted for", text::count(gap as u64))
            } else {
                let more = text::count(gap.unsigned_abs());
                format!("{more} more bytes wiped, returned, carried or left than freed")
            };
            self.cell_finding(Check::Evidence, place, &what);
        }
    }

    /// What was published against the cells, per tag and for the process.
    fn published(&mut self) {
        for (index, tag) in self.ledger.known() {
            if tag.totals[tag::PEAK] > i64::MAX as u64 {
                let name = self.ledger.name(index);
                self.verdict.findings.add(Finding {
                    check: Check::Ledger,
                    offset: None,
                    slot: None,
                    message: format!("tag {name}: its peak is below zero"),
                    tag: Some(name),
                });
            }
        }
    }

    fn in_flight(&self, slot: u32) -> u64 {
        self.ledger.threads.get(&slot).map_or(0, |words| slot_in_flight(slot, words))
    }

    fn slot_finding(&mut self, check: Check, slot: u32, message: String) {
        let finding = Finding { check, offset: None, tag: None, slot: Some(slot), message };
        self.verdict.findings.add(finding);
    }

    fn cell_finding(&mut self, check: Check, place: CellPlace, what: &str) {
        let CellPlace { slot, tag, offset } = place;
        let name = self.ledger.name(tag);
        self.verdict.findings.add(Finding {
            check,
            offset: Some(offset),
            slot: Some(slot),
            message: format!("offset {offset}: tag {name}, slot {slot}: {what}"),
            tag: Some(name),
        });
    }
}

/// Which cell, and where it stands.
#[derive(Clone, Copy)]
struct CellPlace {
    slot: u32,
    tag: u32,
    offset: u64,
}

/// Events without a counterpart, where every block should have one.
fn check_alternation(ledger: &Ledger, live: &LiveBlocks, has_gaps: bool, verdict: &mut Verdict) {
    if has_gaps {
        // Blocks of before the log, or whose alloc was dropped.
        let why = "blocks may be freed whose alloc the journal does not have";
        verdict.skipped.push((Check::Alternation, why));
        return;
    }
    let mut named = 0;
    for unpaired in live.unpaired() {
        named += 1;
        let name = ledger.name(unpaired.block.tag());
        let (address, size) = (unpaired.address, text::count(unpaired.block.size()));
        let (offset, message) = match unpaired.free {
            Some(at) => (
                Some(at.offset),
                format!(
                    "offset {}: tag {name}: frees {size} bytes at {address:#x}, which no alloc made",
                    at.offset
                ),
            ),
            None => (
                None,
                format!("tag {name}: {size} bytes at {address:#x} were allocated over, not freed"),
            ),
        };
        let finding =
            Finding { check: Check::Alternation, offset, slot: None, message, tag: Some(name) };
        verdict.findings.add(finding);
    }
    verdict.findings.count += live.unpaired_count() - named;
}
