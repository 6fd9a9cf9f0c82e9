//! Whether the sites' counters agree with the cells of their tags and with the
//! journal.

use std::collections::BTreeMap;

use scrubjay_log_format::{Event, cell, header, site};

use super::agreement::Going;
use super::file::LogFile;
use super::findings::{Check, Finding, Findings};
use super::ledger::Ledger;
use super::site_ledger::{CELL_WORDS, MOVED_COUNT, SiteLedger};
use super::slot_journal::{SiteSums, SlotJournal, Sums};
use super::slots::slot_in_flight;
use crate::text;

/// The sites against cells and journal.
pub struct SiteAgreement<'a> {
    /// The log.
    pub file: &'a LogFile,
    /// Its ledger.
    pub ledger: &'a Ledger,
    /// What the journal says of each site; `None` where it cannot tell.
    pub journal: Option<&'a SiteSums>,
    /// The slots' journals, for what was in flight.
    pub slots: &'a BTreeMap<u32, SlotJournal>,
    /// What a ring was overwriting.
    pub going: &'a Going,
    /// Where disagreements go.
    pub findings: &'a mut Findings,
}

/// What may be missing of each counter.
type Slack = [u64; MOVED_COUNT];

const NAMES: [&str; MOVED_COUNT] =
    ["allocated bytes", "allocated blocks", "freed bytes", "freed blocks"];

impl SiteAgreement<'_> {
    /// Compares everything; the counters as settled.
    pub fn check(&mut self) -> SiteLedger {
        let journal = self.journal;
        // A late log's journal lacks what sites counted before.
        let is_whole =
            !self.file.header.has(header::FLAG_LATE) && self.ledger.totals().dropped_events() == 0;
        let settled = SiteLedger::settle(self.ledger, journal.filter(|_| is_whole));
        let in_flight = InFlight::new(self.ledger, self.slots);
        if let Some(journal) = journal {
            self.sites(&settled, journal, &in_flight);
        }
        for (index, _) in self.ledger.known() {
            let rest = settled.stackless.get(&index).copied().unwrap_or_default();
            self.stackless(index, rest, journal, &in_flight);
        }
        for (&site, _) in
            settled.sites.iter().filter(|&(&site, _)| self.ledger.sites.get(site).is_none())
        {
            self.finding(site, "has counters, but is not declared");
        }
        settled
    }

    /// Each site's counters: what the journal has, and of what was dropped, or
    /// happened before it, at most as much as the tag has of that.
    fn sites(&mut self, settled: &SiteLedger, journal: &SiteSums, in_flight: &InFlight) {
        let told = (site::FIRST..).zip(journal.iter().skip(site::FIRST as usize));
        let mut sites: BTreeMap<u32, [u64; MOVED_COUNT]> = told
            .filter(|(_, sums)| **sums != Sums::default())
            .map(|(site, sums)| (site, sums.counters()))
            .collect();
        for &site in settled.sites.keys() {
            sites.entry(site).or_default();
        }
        for (site, told) in sites {
            let counted = settled.sites.get(&site).copied().unwrap_or_default();
            let tag = self.ledger.sites.tag(site);
            let (untold, missing) = (self.untold(tag), in_flight.of_site(site));
            for (at, name) in NAMES.into_iter().enumerate() {
                let more = counted[at].wrapping_sub(told[at]) as i64;
                if !is_within(more, missing[at], untold[at]) {
                    self.finding(site, &difference(name, more, "the journal"));
                }
            }
        }
    }

    /// What a tag's cells have beyond its sites: nothing below zero, and what
    /// the journal has of its stackless site.
    fn stackless(
        &mut self,
        index: u32,
        rest: [i64; MOVED_COUNT],
        journal: Option<&SiteSums>,
        in_flight: &InFlight,
    ) {
        let missing = in_flight.of_tag(index);
        let name = self.ledger.name(index);
        let mut wrong = Vec::new();
        match journal {
            Some(journal) => {
                let told = journal.get(index as usize).copied().unwrap_or_default().counters();
                let untold = self.untold(index);
                for (at, what) in NAMES.into_iter().enumerate() {
                    let more = rest[at].wrapping_sub(told[at] as i64);
                    let most = untold[at].saturating_add(missing[at]);
                    if !is_within(more, missing[at], most) {
                        wrong.push(difference(what, more, "the journal"));
                    }
                }
            }
            None => {
                // Nothing marks what is in flight; a block at most a thread.
                let slack = self.ledger.in_flight_max(self.file) as i64;
                let blocks = [rest[1], rest[3]].into_iter().all(|blocks| blocks >= -slack);
                let bytes = [rest[0], rest[2]].into_iter().all(|bytes| bytes >= 0 || slack > 0);
                if !(blocks && bytes) {
                    let sites = rest.iter().zip(NAMES).filter(|(rest, _)| **rest < 0);
                    wrong.extend(sites.map(|(rest, what)| difference(what, *rest, "its sites")));
                }
            }
        }
        for what in wrong {
            self.findings.add(Finding {
                check: Check::Sites,
                offset: None,
                slot: None,
                message: format!("tag {name}, blocks without a stack: {what}"),
                tag: Some(name.clone()),
            });
        }
    }

    /// What the journal may lack of a tag's sites: what was dropped, and what
    /// cells had counted before a late log.
    fn untold(&self, tag: u32) -> Slack {
        let Some(tag_sums) = self.ledger.tags.get(tag as usize) else {
            return Slack::default();
        };
        let dropped = [
            cell::DROPPED_ALLOCATED_BYTES,
            cell::DROPPED_ALLOCATED_BLOCKS,
            cell::DROPPED_FREED_BYTES,
            cell::DROPPED_FREED_BLOCKS,
        ]
        .map(|word| tag_sums.sums[word]);
        let mut untold = CELL_WORDS.map(|word| tag_sums.base[word]);
        let going = self.going.sums.iter().filter(|((_, of), _)| *of == tag);
        for more in going.map(|(_, going)| going.counters()).chain([dropped]) {
            for (untold, more) in untold.iter_mut().zip(more) {
                *untold = untold.saturating_add(more);
            }
        }
        untold
    }

    fn finding(&mut self, site: u32, what: &str) {
        let name = self.ledger.name(self.ledger.sites.tag(site));
        self.findings.add(Finding {
            check: Check::Sites,
            offset: None,
            slot: None,
            message: format!("tag {name}, site {site}: {what}"),
            tag: Some(name),
        });
    }
}

/// Whether a figure is at most so much below zero, or above it.
fn is_within(figure: i64, below: u64, above: u64) -> bool {
    figure >= 0i64.saturating_sub_unsigned(below) && figure <= 0i64.saturating_add_unsigned(above)
}

fn difference(name: &str, more: i64, than: &str) -> String {
    let which = if more > 0 { "more" } else { "fewer" };
    format!("{} {which} {name} than {than} has", text::count(more.unsigned_abs()))
}

/// Events that the journal has and the counters may lack.
struct InFlight {
    /// Each with its tag.
    events: Vec<(u32, Event)>,
    /// Of threads that share slot 0 nobody knows which they are.
    is_shared: bool,
}

impl InFlight {
    fn new(ledger: &Ledger, slots: &BTreeMap<u32, SlotJournal>) -> Self {
        let is_in_flight = |slot: u32| {
            ledger.threads.get(&slot).is_some_and(|words| slot_in_flight(slot, words) > 0)
        };
        let journals = slots.iter().filter(|(slot, _)| **slot != 0 && is_in_flight(**slot));
        let events = journals.flat_map(|(_, journal)| journal.last.iter().copied());
        Self { events: events.collect(), is_shared: is_in_flight(0) }
    }

    fn slack(&self, is_meant: impl Fn(u32, &Event) -> bool) -> Slack {
        if self.is_shared {
            return [u64::MAX; MOVED_COUNT];
        }
        let mut sums = Sums::default();
        for (tag, event) in &self.events {
            if is_meant(*tag, event) {
                sums.add(event);
            }
        }
        sums.counters()
    }

    fn of_site(&self, site: u32) -> Slack {
        self.slack(|_, event| event.site == site)
    }

    fn of_tag(&self, tag: u32) -> Slack {
        self.slack(|of, _| of == tag)
    }
}
