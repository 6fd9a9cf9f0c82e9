//! `scrubjay summary`: what ran, how it ended, where its memory went, and what
//! is missing.

use std::io::Write;

use scrubjay_log_format::process;
use serde::Serialize;

use super::Log;
use super::budgets::{self, BudgetRow};
use super::kernel::Kernel;
use super::losses::Losses;
use super::rows::{LevelRow, TagRow, Totals, frame_rows, level_table, tag_rows};
use crate::analysis::clock::Clock;
use crate::analysis::file::LogFile;
use crate::analysis::ledger::Ledger;
use crate::analysis::peak;
use crate::analysis::run::{End, Run};
use crate::error::Error;
use crate::output::Output;
use crate::session::Session;
use crate::text;

/// The tags that the text shows; JSON has all.
const TAGS_SHOWN: usize = 20;

#[derive(Serialize)]
struct Summary {
    run: Run,
    totals: Totals,
    peak: Peak,
    tags: Vec<TagRow>,
    external: Vec<ExternalRow>,
    budgets: Vec<BudgetRow>,
    /// What the kernel said; no log before vitals has it.
    kernel: Option<Kernel>,
    losses: Losses,
}

/// Memory that no allocator sees; part of the peaks.
#[derive(Serialize)]
struct ExternalRow {
    tag: String,
    bytes: u64,
    peak_bytes: u64,
}

#[derive(Serialize)]
struct Peak {
    bytes: u64,
    at_ns: Option<u64>,
    /// Within which the figure is right; 0 if it is exact.
    bound_bytes: u64,
    /// What a frame of that moment says; its sum is right within the bound
    /// and the 1 % by which a peak must rise for a new frame.
    tags: Vec<LevelRow>,
}

/// Answers; the exit code.
pub fn run(log: &Log, mut session: Session<'_>) -> Result<u8, Error> {
    let file = session.open(&log.path)?;
    let ledger = session.ledger(&file)?;
    let summary = Summary {
        run: Run::new(&file, &ledger),
        totals: Totals::new(&ledger.totals()),
        peak: peak_of(&file, &ledger),
        tags: tag_rows(&file, &ledger),
        external: external_rows(&ledger),
        budgets: budgets::rows(&ledger),
        kernel: Kernel::new(&file, &ledger),
        losses: Losses::new(&file, &ledger),
    };
    if session.is_json() {
        session.json("summary", &file, &summary, &ledger.damages)?;
    } else {
        let is_narrow = session.is_narrow();
        summary.write(&mut session.out, is_narrow)?;
    }
    session.report(&file, &ledger.damages);
    session.end()
}

fn external_rows(ledger: &Ledger) -> Vec<ExternalRow> {
    let row = |(tag, bytes, peak_bytes)| ExternalRow { tag: ledger.name(tag), bytes, peak_bytes };
    ledger.budgets.externals().map(row).collect()
}

fn peak_of(file: &LogFile, ledger: &Ledger) -> Peak {
    let clock = Clock::new(file);
    let ticks = file.process[process::PEAK_TICKS];
    let frame = ledger.frames.peak(file);
    let tags = frame.map_or_else(Vec::new, |frame| frame_rows(ledger, &frame));
    Peak {
        bytes: ledger.peak_bytes(file),
        at_ns: (ticks > 0).then(|| clock.ns(ticks)).flatten(),
        bound_bytes: peak::process_bound(file),
        tags,
    }
}

impl Summary {
    fn write(&self, out: &mut Output, is_narrow: bool) -> Result<(), Error> {
        self.write_run(out)?;
        self.write_totals(out)?;
        self.write_peak(out, is_narrow)?;
        self.write_tags(out, is_narrow)?;
        self.write_external(out, is_narrow)?;
        self.write_budgets(out, is_narrow)?;
        if let Some(kernel) = &self.kernel {
            kernel.write(out)?;
        }
        let losses = self.losses.sentences(self.run.events_in_flight);
        writeln!(out, "\n{}", text::heading("Losses"))?;
        if losses.is_empty() {
            writeln!(out, "  none")?;
        }
        for line in losses {
            writeln!(out, "  {line}")?;
        }
        Ok(())
    }

    fn write_run(&self, out: &mut Output) -> Result<(), Error> {
        let run = &self.run;
        writeln!(
            out,
            "{}, process {} on {}",
            text::heading(&run.program),
            run.process_id,
            run.host
        )?;
        let lasted = match (run.end, run.duration_ns) {
            (_, None) => String::new(),
            (End::Exited | End::Corruption, Some(ns)) => format!(", ran {}", text::time(ns)),
            (_, Some(ns)) => format!(", ran at least {}", text::time(ns)),
        };
        writeln!(out, "  started {}{lasted}", run.started_utc)?;
        writeln!(out, "  {}", run.end.sentence())?;
        let threads = text::plural(run.threads, "thread");
        let mut facts = format!("mode {}, wipe {}, {threads}", run.mode, run.wipe_policy);
        if run.threads_at_once < run.threads {
            facts += &format!(", {} at once", text::count(run.threads_at_once));
        }
        if run.mode == "journal" && run.events > 0 {
            facts += &format!(", {}", text::plural(run.events, "event"));
        }
        writeln!(out, "  {facts}")?;
        out.write_notes()?;
        if run.mode_changes > 0 {
            let changes = text::plural(run.mode_changes, "time");
            writeln!(out, "  The mode was changed {changes}, last to {}.", run.last_mode)?;
        }
        if let Some(ns) = run.journal_since_ns {
            let since = text::time(ns);
            writeln!(
                out,
                "  A ring: the journal has every event from {since} on, the ledger all."
            )?;
        }
        if run.is_late {
            writeln!(out, "  The log began after the process; the ledger counts from its start.")?;
        }
        if run.is_forked {
            let exactly = if run.is_approximate { ", approximately" } else { "" };
            writeln!(out, "  A forked child: it began with its parent's live blocks{exactly}.")?;
        }
        Ok(())
    }

    fn write_totals(&self, out: &mut Output) -> Result<(), Error> {
        let totals = &self.totals;
        writeln!(out, "\n{}", text::heading("Totals"))?;
        let mut line =
            |name: &str, size: String, rest: String| writeln!(out, "  {name:<10} {size:>11}{rest}");
        let blocks = |count| format!("  in {}", text::plural(count, "block"));
        line("allocated", text::size(totals.allocated_bytes), blocks(totals.allocated_blocks))?;
        line("freed", text::size(totals.freed_bytes), blocks(totals.freed_blocks))?;
        let unwiped = text::size(totals.unwiped_bytes);
        let rest = format!("  {unwiped} released unwiped; each byte: scrubjay wipes");
        line("wiped", text::size(totals.wiped_bytes), rest)?;
        if totals.inherited_bytes > 0 {
            line("inherited", text::size(totals.inherited_bytes), blocks(totals.inherited_blocks))?;
        }
        let live_blocks = blocks(totals.live_blocks.max(0) as u64);
        line("live", text::signed_size(totals.live_bytes), live_blocks)?;
        if totals.realloc_in_place + totals.realloc_moved > 0 {
            let reallocs = totals.realloc_in_place.saturating_add(totals.realloc_moved);
            let rest = format!(
                "  {} in place, {} moved, {} copied",
                text::count(totals.realloc_in_place),
                text::count(totals.realloc_moved),
                text::size(totals.copied_bytes)
            );
            line("reallocs", text::count(reallocs), rest)?;
        }
        if totals.failed_count > 0 {
            let rest = format!("  asked for {}", text::size(totals.failed_bytes));
            line("failed", text::count(totals.failed_count), rest)?;
        }
        Ok(())
    }

    fn write_peak(&self, out: &mut Output, is_narrow: bool) -> Result<(), Error> {
        let peak = &self.peak;
        let right = match peak.bound_bytes {
            0 => "exact".into(),
            bound => format!("within {}", text::size(bound)),
        };
        let at = text::moment(peak.at_ns);
        let heading = text::heading("Peak");
        writeln!(out, "\n{heading}\n  {} at {at}, {right}", text::size(peak.bytes))?;
        if !peak.tags.is_empty() {
            write!(out, "{}", level_table(&peak.tags[..peak.tags.len().min(8)], is_narrow))?;
        }
        if peak.tags.len() > 8 {
            writeln!(out, "  and {} more tags", peak.tags.len() - 8)?;
        }
        Ok(())
    }

    fn write_external(&self, out: &mut Output, is_narrow: bool) -> Result<(), Error> {
        if self.external.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", text::heading("Memory that no allocator sees, part of the peaks"))?;
        let mut table = text::Table::new(&["tag", "external", "at most"], is_narrow);
        for row in &self.external {
            table.row([row.tag.clone(), text::size(row.bytes), text::size(row.peak_bytes)]);
        }
        write!(out, "{table}")?;
        Ok(())
    }

    fn write_budgets(&self, out: &mut Output, is_narrow: bool) -> Result<(), Error> {
        if self.budgets.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", text::heading("Budgets"))?;
        budgets::write_rows(&self.budgets, out, is_narrow)?;
        if self.budgets.iter().any(|row| row.refused_count > 0) {
            writeln!(out, "  Who was refused: scrubjay budgets")?;
        }
        Ok(())
    }

    fn write_tags(&self, out: &mut Output, is_narrow: bool) -> Result<(), Error> {
        writeln!(out, "\n{}", text::heading("Tags, by peak"))?;
        let titles = ["tag", "live", "blocks", "peak", "allocated", "blocks"];
        let mut table = text::Table::new(&titles, is_narrow);
        for row in self.tags.iter().take(TAGS_SHOWN) {
            table.row([
                row.tag.clone(),
                text::signed_size(row.totals.live_bytes),
                text::signed_count(row.totals.live_blocks),
                text::size(row.peak_bytes),
                text::size(row.totals.allocated_bytes),
                text::count(row.totals.allocated_blocks),
            ]);
        }
        write!(out, "{table}")?;
        if self.tags.len() > TAGS_SHOWN {
            writeln!(out, "  and {} more: scrubjay tags", self.tags.len() - TAGS_SHOWN)?;
        }
        Ok(())
    }
}
