//! Whether the ledger agrees with the journal, and with itself.

use std::collections::BTreeMap;

use scrubjay_log_format::cell::{self, PageOwner};
use scrubjay_log_format::thread::ThreadRecord;
use scrubjay_log_format::{ChunkKind, Event, Mode, TAGS_PER_GROUP, process, thread};

use super::file::{Chunks, LogFile, Place};
use super::findings::{Check, Finding, Findings};
use super::gap::Gap;
use super::ledger::Ledger;
use super::slot_journal::{SlotJournal, Sums};
use super::slots::{finished_events, last_mode, slot_in_flight};
use super::tables::records;
use super::tag_sums::{Counters, DROPPED_COUNTS, unaccounted};
use crate::error::Error;
use crate::text;

/// The ledger against the journal and itself.
pub struct Agreement<'a> {
    /// The log.
    pub file: &'a LogFile,
    /// Its ledger.
    pub ledger: &'a Ledger,
    /// What its journal adds up to.
    pub slots: &'a BTreeMap<u32, SlotJournal>,
    /// What a ring was overwriting.
    pub going: &'a Going,
    /// Whether there is a journal to compare with.
    pub has_journal: bool,
    /// Where disagreements go.
    pub findings: &'a mut Findings,
}

impl Agreement<'_> {
    /// Compares everything; how many slots had an event in flight that was
    /// mended.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn check(&mut self) -> Result<u64, Error> {
        let cells = self.cells()?;
        if self.has_journal {
            self.lost_cells(&cells.groups);
            self.overwritten();
            for (&slot, words) in &self.ledger.threads {
                let dropped = cells.dropped.get(&slot).copied().unwrap_or(0);
                self.continuity(slot, words, dropped);
            }
        }
        Ok(cells.mended)
    }

    /// The chunks that a ring overwrote: those taken are there, or counted.
    fn overwritten(&mut self) {
        let words = &self.file.process;
        let (taken, in_flight) =
            self.ledger.threads.iter().fold((0u64, 0u64), |sums, (&slot, words)| {
                let taken = sums.0.wrapping_add(words.words[thread::CHUNK_COUNT]);
                (taken, sums.1.saturating_add(slot_in_flight(slot, words)))
            });
        let found: u64 = self.slots.values().map(|journal| journal.chunk_count).sum();
        let counted = words[process::OVERWRITTEN_CHUNK_COUNT];
        let is_ring = is_ring(self.file);
        // A chunk may have been taken and not yet begun, or be going and
        // counted already or not.
        let lacking = taken.wrapping_sub(found).wrapping_sub(counted) as i64;
        let most = 0i64.saturating_add_unsigned(in_flight.saturating_add(self.going.chunks));
        let least = 0i64.saturating_sub_unsigned(self.going.chunks);
        if is_ring && !(least..=most).contains(&lacking) {
            let message = format!(
                "{} taken by all slots, but {} found and {} overwritten",
                text::plural(taken, "journal chunk"),
                text::count(found),
                text::count(counted),
            );
            let (offset, tag, slot) = (None, None, None);
            let check = Check::Continuity;
            self.findings.add(Finding { check, offset, tag, slot, message });
        }
    }

    /// The chunks and events of a slot, by its own count of them.
    fn continuity(&mut self, slot: u32, words: &ThreadRecord, dropped: u64) {
        let none = SlotJournal::default();
        let journal = self.slots.get(&slot).unwrap_or(&none);
        let taken = words.words[thread::CHUNK_COUNT];
        let in_flight = slot_in_flight(slot, words);
        let missing = taken.wrapping_sub(journal.chunk_count) as i64;
        // A chunk may have been counted and not yet begun; those that a ring
        // overwrote are counted for all slots together.
        if missing != 0 && !(missing == 1 && in_flight > 0) && !(missing > 0 && is_ring(self.file))
        {
            let found = text::plural(journal.chunk_count, "journal chunk");
            let message = format!("slot {slot}: {found} found, {} taken", text::count(taken));
            self.slot_finding(Check::Continuity, slot, message);
            return;
        }
        if journal.is_broken {
            return;
        }
        let finished = finished_events(slot, words);
        let held = journal.event_count().wrapping_add(dropped);
        // A pair in flight is two events.
        let greatest = finished.saturating_add(in_flight.saturating_mul(2));
        let least = finished.saturating_sub(self.going.event_count(slot));
        if !(least..=greatest).contains(&held) {
            let message = format!(
                "slot {slot}: {} finished, but {} in the journal or dropped",
                text::plural(finished, "event"),
                text::count(held)
            );
            self.slot_finding(Check::Continuity, slot, message);
        }
    }

    /// Every cell against the journal of its slot and tag, and against
    /// itself.
    fn cells(&mut self) -> Result<Cells, Error> {
        let mut found = Cells::default();
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
                found.groups.entry(owner.slot).or_default().push(owner.group);
                let base = self.ledger.base(index);
                for (at, cell) in cell::decode_cells(page).enumerate() {
                    let tag = owner.group * TAGS_PER_GROUP + at as u32;
                    let offset = offset + (cell::PAGE_HEADER_SIZE + at * cell::SIZE) as u64;
                    let base = base.and_then(|base| base.get(at)).copied().unwrap_or_default();
                    let dropped = found.dropped.entry(owner.slot).or_default();
                    for word in DROPPED_COUNTS {
                        *dropped = dropped.wrapping_add(cell[word]).wrapping_sub(base[word]);
                    }
                    let place = CellPlace { slot: owner.slot, tag, offset };
                    self.evidence(place, &cell);
                    if self.has_journal && self.cell(place, &base, &cell) {
                        *mended.entry(owner.slot).or_insert(0u64) += 1;
                    }
                }
            }
        }
        for (slot, count) in mended {
            found.mended += 1;
            if slot != 0 && count > 1 {
                let message = format!("slot {slot}: {count} tags lack an event in flight");
                self.slot_finding(Check::Ledger, slot, message);
            }
        }
        Ok(found)
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
                self.findings.add(Finding {
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
        let going = self.going.sums.get(&(place.slot, place.tag)).copied().unwrap_or_default();
        let gap = Gap::new(&journal.sums(place.tag), base, cell).without(&going);
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
            let what = format!("the ledger has {} than the journal", gap.words());
            self.cell_finding(Check::Ledger, place, &what);
        }
        explained
    }

    /// `freed = wiped + returned + carried + unwiped`, but for one free in
    /// flight.
    fn evidence(&mut self, place: CellPlace, cell: &Counters) {
        let gap = unaccounted(cell);
        if gap == 0 {
            return;
        }
        let journal = self.slots.get(&place.slot);
        let in_flight = self.in_flight(place.slot);
        let is_marked = last_mode(self.file) == Mode::Journal;
        let may_be_in_flight = if !self.has_journal || !is_marked {
            // Without a journal nothing marks an event in flight.
            gap > 0
        } else if place.slot == 0 || cell[cell::DROPPED_FREED_BLOCKS] > 0 {
            gap > 0 && in_flight > 0
        } else {
            let last = journal.map_or(&[][..], |journal| &journal.last);
            let is_free = |(tag, event): &&(u32, Event)| event.kind.frees() && *tag == place.tag;
            let mut sizes = last.iter().filter(is_free).map(|(_, event)| event.size as i64);
            in_flight > 0 && gap > 0 && sizes.any(|size| gap <= size)
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

    fn in_flight(&self, slot: u32) -> u64 {
        self.ledger.threads.get(&slot).map_or(0, |words| slot_in_flight(slot, words))
    }

    fn slot_finding(&mut self, check: Check, slot: u32, message: String) {
        let finding = Finding { check, offset: None, tag: None, slot: Some(slot), message };
        self.findings.add(finding);
    }

    fn cell_finding(&mut self, check: Check, place: CellPlace, what: &str) {
        let CellPlace { slot, tag, offset } = place;
        let name = self.ledger.name(tag);
        self.findings.add(Finding {
            check,
            offset: Some(offset),
            slot: Some(slot),
            message: format!("offset {offset}: tag {name}, slot {slot}: {what}"),
            tag: Some(name),
        });
    }
}

/// Chunks that a ring was overwriting when the process died.
#[derive(Debug, Default)]
pub struct Going {
    /// How many there are.
    pub chunks: u64,
    /// What their events add up to, by slot and tag.
    pub sums: BTreeMap<(u32, u32), Sums>,
}

impl Going {
    fn event_count(&self, slot: u32) -> u64 {
        let sums = self.sums.range((slot, 0)..=(slot, u32::MAX));
        sums.map(|(_, sums)| sums.event_count()).sum()
    }
}

/// Whether a log overwrites its oldest chunks at its limit.
pub fn is_ring(file: &LogFile) -> bool {
    let words = &file.process;
    words[process::AT_LIMIT] != 0 || words[process::OVERWRITTEN_CHUNK_COUNT] != 0
}

/// What the cells say besides.
#[derive(Default)]
struct Cells {
    /// The groups of each slot.
    groups: BTreeMap<u32, Vec<u32>>,
    /// Events of each slot that the journal had no room for.
    dropped: BTreeMap<u32, u64>,
    /// Slots with an event in flight that the cells lacked.
    mended: u64,
}

/// Which cell, and where it stands.
#[derive(Clone, Copy)]
struct CellPlace {
    slot: u32,
    tag: u32,
    offset: u64,
}
