//! Whether a log is sound: its bytes alone, its journal against its ledger,
//! and the ledger against itself.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use scrubjay_log_format::{ChunkHeader, Event, EventKind};

use super::agreement::{Agreement, Going, is_ring};
use super::clock::Clock;
use super::damage::Damages;
use super::file::LogFile;
use super::findings::{Check, Finding, Findings};
use super::journal::{self, At, Visitor};
use super::ledger::Ledger;
use super::live::LiveBlocks;
use super::registry;
use super::run::End;
use super::scanned;
use super::site_agreement::SiteAgreement;
use super::site_ledger::SiteLedger;
use super::sites::Sites;
use super::slot_journal::{SiteSums, SlotJournal, going_sums};
use super::structure;
use super::symbols;
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
    /// The sites' counters as settled; `None` where they are not compared.
    pub sites: Option<SiteLedger>,
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
    let mut damages = ledger.damages.clone();
    structure::check(file, &progress("looking at what is unused"), &mut verdict.findings)?;

    scanned::check(ledger, &mut verdict.findings);
    let mut gaps = ledger.sites.gaps();
    for (missing, what) in [
        (ledger.notes.missing(), "notes"),
        (ledger.module_end.saturating_sub(ledger.module_count), "modules"),
    ] {
        if missing > 0 {
            gaps.push(format!("{missing} of the {what} are missing"));
        }
    }
    for gap in gaps {
        let (offset, tag, slot) = (None, None, None);
        let check = Check::Structure;
        verdict.findings.add(Finding { check, offset, tag, slot, message: gap });
    }
    let has_journal = ledger.has_journal(file);
    let has_gaps = ledger.has_older_blocks(file) || ledger.totals().dropped_events() > 0;
    let mut replay = Replay {
        file,
        sites: &ledger.sites,
        slots: BTreeMap::new(),
        site_sums: SiteSums::new(),
        going: Going::default(),
        live: LiveBlocks::new(Clock::new(file).disagreement(), has_gaps),
        findings: Findings::default(),
        events: 0,
    };
    if has_journal {
        let progress = progress("replaying");
        damages.merge(journal::replay(file, &ledger.sites, &progress, &mut replay)?);
    } else {
        for check in [Check::Continuity, Check::Ledger, Check::Alternation] {
            verdict.skipped.push((check, "this log has no journal"));
        }
    }
    // Symbols tell nothing that figures are made of.
    let mut carried = Damages::default();
    symbols::stored::addresses(file, &mut carried)?;
    for damage in damages.kept().iter().chain(carried.kept()) {
        verdict.findings.add(Finding {
            check: Check::Structure,
            offset: Some(damage.offset),
            tag: None,
            slot: None,
            message: damage.to_string(),
        });
    }
    for damages in [&damages, &carried] {
        verdict.findings.count += damages.count() - damages.kept().len() as u64;
    }
    verdict.events = replay.events;
    verdict.findings.append(replay.findings);
    if end.is_moving() {
        let why = if end == End::Running {
            "the process still runs and counts on"
        } else {
            "the process counted on while it was dumped"
        };
        verdict.skipped.retain(|(check, _)| *check == Check::Alternation);
        let moving =
            [Check::Continuity, Check::Ledger, Check::Evidence, Check::Registry, Check::Sites];
        for check in moving {
            verdict.skipped.push((check, why));
        }
    } else {
        let mut agreement = Agreement {
            file,
            ledger,
            slots: &replay.slots,
            going: &replay.going,
            has_journal,
            findings: &mut verdict.findings,
        };
        verdict.mended = agreement.check()?;
        if ledger.site_store.is_empty() {
            verdict.skipped.push((Check::Sites, "this log counts no sites"));
        } else {
            let journal = (has_journal && damages.is_empty()).then_some(&replay.site_sums);
            let mut agreement = SiteAgreement {
                file,
                ledger,
                journal,
                slots: &replay.slots,
                going: &replay.going,
                findings: &mut verdict.findings,
            };
            verdict.sites = Some(agreement.check());
        }
        if ledger.registry.is_empty() && !ledger.known().any(|(_, tag)| registry::is_watched(tag)) {
            verdict.skipped.push((Check::Registry, "this log watches no tag"));
        } else {
            registry::check(file, ledger, &mut verdict.findings)?;
            if has_journal && !has_gaps && damages.is_empty() {
                registry::check_blocks(file, ledger, &replay.live, &mut verdict.findings);
            }
        }
    }
    if has_journal {
        check_alternation(ledger, &replay.live, has_gaps || !damages.is_empty(), &mut verdict);
    }
    verdict.findings.kept.sort_by_key(|finding| finding.check);
    Ok(verdict)
}

/// The journal, added up by slot and tag and played back.
struct Replay<'f> {
    file: &'f LogFile,
    sites: &'f Sites,
    site_sums: SiteSums,
    going: Going,
    slots: BTreeMap<u32, SlotJournal>,
    live: LiveBlocks,
    findings: Findings,
    events: u64,
}

impl Visitor for Replay<'_> {
    fn chunk(&mut self, header: &ChunkHeader, bytes: &[u8]) {
        let offset = self.file.offset(header.index);
        let is_ring = is_ring(self.file);
        let slot = self.slots.entry(header.owner).or_insert_with(|| SlotJournal::new(is_ring));
        let (sums, findings) = (&mut self.site_sums, &mut self.findings);
        slot.chunk((header, offset), bytes, self.sites, sums, findings);
    }

    fn going(&mut self, header: &ChunkHeader, bytes: &[u8]) {
        self.going.chunks += 1;
        for (tag, sums) in going_sums(bytes, self.sites) {
            self.going.sums.entry((header.owner, tag)).or_default().merge(&sums);
        }
    }

    #[inline]
    fn event(&mut self, event: &Event, at: &At) -> ControlFlow<()> {
        self.events += u64::from(event.kind != EventKind::Thread);
        self.live.event(event, at);
        ControlFlow::Continue(())
    }
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
        let name = ledger.name(ledger.sites.tag(unpaired.block.site()));
        let (address, size) = (unpaired.address, text::count(unpaired.block.size()));
        let (offset, message) = match unpaired.free {
            Some(at) => (
                Some(at.offset),
                format!(
                    "offset {}: tag {name}: frees {size} bytes at {address:#x}, never allocated",
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
