//! `scrubjay log verify`: whether the file is sound.

use std::io::Write;

use serde::Serialize;

use crate::analysis::damage::Damages;
use crate::analysis::findings::{Check, Finding};
use crate::analysis::ledger::Ledger;
use crate::analysis::run::{End, Run};
use crate::analysis::site_ledger::SiteLedger;
use crate::analysis::verify::{Verdict, verify};
use crate::commands::Log;
use crate::error::Error;
use crate::output::Output;
use crate::progress::Progress;
use crate::session::Session;
use crate::text;

/// What no check can see changed, since it is told once and has no checksum.
const WITHOUT_REDUNDANCY: [&str; 10] = [
    "the process words and the published totals: peaks, when they were, live as published",
    "the frames over time and those of the peak",
    "each thread's name, times and published marks",
    "reallocs in place and moved, bytes they copied",
    "an event's time, and its alloc's address where it is not freed, in chunks not yet sealed",
    "when a block of a watched tag was allocated, as the registry has it",
    "all counters of a log in count mode, but for the wipe evidence",
    "sites' counters without a journal, as long as a tag's sites are not more than its cells",
    "what was live of sites at peaks, a sample's estimates, what a fork inherited of each site",
    "when a module was unloaded",
];

#[derive(Serialize)]
struct Answer<'a> {
    is_sound: bool,
    end: End,
    events: u64,
    mended: u64,
    checks: Vec<Line>,
    finding_count: u64,
    findings: &'a [Finding],
    without_redundancy: [&'static str; 10],
    /// Null where the log counts no sites, or they move still.
    sites: Option<Sites>,
}

/// What the sites' counters are, once settled.
#[derive(Serialize)]
struct Sites {
    count: u64,
    /// Caches that were being moved when the process died.
    moves: u64,
    /// Those that nothing decides, in sentences.
    unsettled: Vec<String>,
    /// What tags have beyond their sites: blocks without a stack.
    stackless: Vec<Stackless>,
}

#[derive(Serialize)]
struct Stackless {
    tag: String,
    allocated_bytes: i64,
    allocated_blocks: i64,
    freed_bytes: i64,
    freed_blocks: i64,
}

#[derive(Serialize)]
struct Line {
    check: Check,
    /// "passed", "failed" or "skipped".
    result: &'static str,
    why: Option<&'static str>,
}

/// Answers; the exit code.
pub fn run(log: &Log, mut session: Session<'_>) -> Result<u8, Error> {
    let file = session.open(&log.path)?;
    let ledger = session.ledger(&file)?;
    let verdict = verify(&file, &ledger, |what| Progress::new(what, file.size()))?;
    let run = Run::new(&file, &ledger);
    let answer = Answer {
        is_sound: verdict.findings.count == 0,
        end: run.end,
        events: verdict.events,
        mended: verdict.mended,
        checks: lines(&verdict),
        finding_count: verdict.findings.count,
        findings: &verdict.findings.kept,
        without_redundancy: WITHOUT_REDUNDANCY,
        sites: verdict.sites.as_ref().map(|sites| Sites::new(sites, &ledger)),
    };
    if !answer.is_sound {
        session.found();
    }
    if session.is_json() {
        // The damage is among the findings.
        session.json("log verify", &file, &answer, &Damages::default())?;
    } else {
        let name = file.path().display().to_string();
        answer.write(&mut session, &name)?;
    }
    session.end()
}

fn lines(verdict: &Verdict) -> Vec<Line> {
    let line = |check: Check| {
        let skipped = verdict.skipped.iter().find(|(skipped, _)| *skipped == check);
        let (result, why) = match (verdict.findings.count_of(check), skipped) {
            (0, None) => ("passed", None),
            (0, Some(&(_, why))) => ("skipped", Some(why)),
            _ => ("failed", None),
        };
        Line { check, result, why }
    };
    Check::ALL.into_iter().map(line).collect()
}

impl Sites {
    fn new(settled: &SiteLedger, ledger: &Ledger) -> Self {
        let stackless = settled.stackless.iter().map(|(&tag, rest)| {
            let [allocated_bytes, allocated_blocks, freed_bytes, freed_blocks] = *rest;
            let tag = ledger.name(tag);
            Stackless { tag, allocated_bytes, allocated_blocks, freed_bytes, freed_blocks }
        });
        Self {
            count: settled.sites.len() as u64,
            moves: settled.move_count,
            unsettled: settled.unsettled.iter().map(|one| one.sentence(ledger)).collect(),
            stackless: stackless.collect(),
        }
    }

    fn write(&self, out: &mut Output) -> Result<(), Error> {
        let moves = match self.moves {
            0 => String::new(),
            count => format!(", {}", text::plural(count, "interrupted move")),
        };
        writeln!(out, "\n{} counted for themselves{moves}", text::plural(self.count, "site"))?;
        for rest in &self.stackless {
            let figures =
                [rest.allocated_blocks, rest.allocated_bytes, rest.freed_blocks, rest.freed_bytes];
            let [allocated, bytes, freed, freed_bytes] = figures.map(text::signed_count);
            writeln!(
                out,
                "  {}, without a site: {allocated} blocks allocated ({bytes} bytes), \
                {freed} freed ({freed_bytes} bytes)",
                rest.tag
            )?;
        }
        for line in &self.unsettled {
            writeln!(out, "  {line}")?;
        }
        Ok(())
    }
}

impl Answer<'_> {
    fn write(&self, session: &mut Session<'_>, name: &str) -> Result<(), Error> {
        let out = &mut session.out;
        for finding in self.findings {
            writeln!(out, "{name}: {}", finding.message)?;
        }
        let unnamed = self.finding_count - self.findings.len() as u64;
        if unnamed > 0 {
            writeln!(out, "{name}: and {} more findings", text::count(unnamed))?;
        }
        for line in &self.checks {
            let why = line.why.map_or_else(String::new, |why| format!(": {why}"));
            writeln!(out, "{:<26}{}{why}", line.check.name(), line.result)?;
        }
        let events = text::plural(self.events, "event");
        let mended = match self.mended {
            0 => String::new(),
            count => format!(", {} in flight mended", text::plural(count, "slot's event")),
        };
        let verdict = match (self.is_sound, self.end) {
            (true, End::Killed) => "sound up to the kill",
            (true, _) => "sound",
            (false, _) => "not sound",
        };
        writeln!(out, "{name}: {} ({events}{mended})", text::heading(verdict))?;
        if let Some(sites) = &self.sites {
            sites.write(out)?;
        }
        writeln!(out, "\nNothing can tell whether these were changed:")?;
        for what in self.without_redundancy {
            writeln!(out, "  {what}")?;
        }
        Ok(())
    }
}
