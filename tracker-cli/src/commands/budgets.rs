//! `scrubjay budgets`: which limits there were, what they refused, and who asked.

use std::io::Write;

use clap::Args;
use scrubjay_log_format::pressure::{self, PressureEvent, PressureKind};
use serde::Serialize;

use super::question::{Asked, TagArguments};
use super::reading::Reading;
use super::symbols::SymbolArguments;
use crate::analysis::held::HeldSite;
use crate::analysis::ledger::Ledger;
use crate::analysis::pressure::Budget;
use crate::error::Error;
use crate::output::Output;
use crate::session::Session;
use crate::text;

/// What is asked.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    about: TagArguments,
    /// Show no more events than this, the last ones
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
    /// Show no more frames of a stack than this
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    frames: usize,
    #[command(flatten)]
    symbols: SymbolArguments,
}

/// A budget, sizes in bytes.
#[derive(Debug, Serialize)]
pub struct BudgetRow {
    /// The tag's name, or "total".
    pub budget: String,
    hard_bytes: Option<u64>,
    soft_bytes: Option<u64>,
    headroom_bytes: u64,
    /// The most that was handed out; up to an allowance a thread of it unused.
    most_bytes: u64,
    pub refused_count: u64,
    refused_bytes: u64,
    soft_count: u64,
}

/// What happened to a budget.
#[derive(Debug, Serialize)]
struct EventRow {
    at_ns: Option<u64>,
    /// "soft-limit", "refused" or "busy".
    what: &'static str,
    budget: String,
    limit_bytes: u64,
    granted_bytes: u64,
    tag: String,
    size_bytes: u64,
    thread: u32,
    frames: Vec<String>,
    top: Vec<TopRow>,
}

#[derive(Debug, Serialize)]
struct TopRow {
    tag: String,
    bytes: u64,
    frames: Vec<String>,
}

#[derive(Serialize)]
struct Budgets {
    budgets: Vec<BudgetRow>,
    /// All that happened; a log keeps the last 256.
    event_count: u64,
    events: Vec<EventRow>,
}

/// The name of a budget.
fn name(ledger: &Ledger, whose: u32) -> String {
    if whose == pressure::TOTAL { "total".to_owned() } else { ledger.name(whose) }
}

/// The budgets of a log, the process's first.
pub fn rows(ledger: &Ledger) -> Vec<BudgetRow> {
    let row = |budget: Budget| BudgetRow {
        budget: name(ledger, budget.whose),
        hard_bytes: budget.hard,
        soft_bytes: budget.soft,
        headroom_bytes: budget.headroom,
        most_bytes: budget.most,
        refused_count: budget.refused_count,
        refused_bytes: budget.refused_bytes,
        soft_count: budget.soft_count,
    };
    ledger.budgets.all().into_iter().map(row).collect()
}

/// Shows budgets as a table.
///
/// # Errors
/// Where it cannot be written.
pub fn write_rows(rows: &[BudgetRow], out: &mut Output, is_narrow: bool) -> Result<(), Error> {
    let limit = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), text::size);
    let titles = ["budget", "limit", "soft limit", "most", "refused", "bytes", "soft passed"];
    let mut table = text::Table::new(&titles, is_narrow);
    for row in rows {
        table.row([
            row.budget.clone(),
            limit(row.hard_bytes),
            limit(row.soft_bytes),
            text::size(row.most_bytes),
            text::count(row.refused_count),
            text::size(row.refused_bytes),
            text::count(row.soft_count),
        ]);
    }
    write!(out, "{table}")?;
    Ok(())
}

/// Answers; the exit code.
pub fn run(arguments: &Arguments, mut session: Session<'_>) -> Result<u8, Error> {
    let asked = arguments.about.open(&mut session)?;
    let mut damages = asked.ledger.damages.clone();
    let is_asked = |event: &&PressureEvent| {
        let tag = asked.ledger.sites.tag(event.site);
        asked.tag.is_none_or(|asked| asked == tag || asked == event.budget)
    };
    let mut events: Vec<&PressureEvent> = asked.ledger.budgets.events().filter(is_asked).collect();
    events.drain(..events.len().saturating_sub(arguments.limit));
    let sites =
        events.iter().flat_map(|event| event.top.iter().map(|&(site, _)| site).chain([event.site]));
    let held: Vec<HeldSite> = sites.map(|site| held(&asked.ledger, site)).collect();
    let reading = Reading::new(&asked, &held, &arguments.symbols, &mut session, &mut damages)?;
    let answer = Budgets {
        budgets: rows(&asked.ledger),
        event_count: asked.ledger.budgets.events().last().map_or(0, |event| event.number),
        events: events.iter().map(|event| row(&asked, event, &reading, arguments.frames)).collect(),
    };
    if session.is_json() {
        session.json("budgets", &asked.file, &answer, &damages)?;
    } else {
        let is_narrow = session.is_narrow();
        answer.write(&mut session.out, is_narrow)?;
    }
    session.report(&asked.file, &damages);
    session.end()
}

/// A site that is only to be named.
fn held(ledger: &Ledger, site: u32) -> HeldSite {
    let stack = ledger.sites.get(site).map_or(0, |declaration| declaration.stack);
    HeldSite { tag: ledger.sites.tag(site), stack, sites: vec![site], ..HeldSite::default() }
}

fn row(asked: &Asked, event: &PressureEvent, reading: &Reading, frames: usize) -> EventRow {
    let ledger = &asked.ledger;
    let frames_of = |site: u32| {
        let held = held(ledger, site);
        let frames = reading.folded(&held).into_iter().take(frames);
        let text = |frame: &crate::analysis::symbols::Frame| match frame.place() {
            Some(place) => format!("{}  {place}", frame.name()),
            None => frame.name(),
        };
        frames.map(text).collect::<Vec<_>>()
    };
    EventRow {
        at_ns: asked.clock.ns(event.ticks),
        what: match event.kind {
            PressureKind::Soft => "soft-limit",
            PressureKind::Refused => "refused",
            PressureKind::Busy => "busy",
        },
        budget: name(ledger, event.budget),
        limit_bytes: event.limit,
        granted_bytes: event.granted,
        tag: ledger.name(ledger.sites.tag(event.site)),
        size_bytes: event.size,
        thread: event.thread,
        frames: frames_of(event.site),
        top: (event.top.iter())
            .map(|&(site, bytes)| TopRow {
                tag: ledger.name(ledger.sites.tag(site)),
                bytes,
                frames: frames_of(site),
            })
            .collect(),
    }
}

impl Budgets {
    fn write(&self, out: &mut Output, is_narrow: bool) -> Result<(), Error> {
        writeln!(out, "{}", text::heading("Budgets"))?;
        out.write_notes()?;
        if self.budgets.is_empty() {
            writeln!(out, "  none")?;
            return Ok(());
        }
        write_rows(&self.budgets, out, is_narrow)?;
        if self.events.is_empty() {
            return Ok(());
        }
        let shown = self.events.len() as u64;
        let title = match self.event_count {
            count if count == shown => "What happened".to_owned(),
            count => format!("What happened, {shown} of {}", text::plural(count, "time")),
        };
        writeln!(out, "\n{}", text::heading(&title))?;
        for event in &self.events {
            event.write(out)?;
        }
        Ok(())
    }
}

impl EventRow {
    fn write(&self, out: &mut Output) -> Result<(), Error> {
        let at = text::moment(self.at_ns);
        let (size, limit) = (text::size(self.size_bytes), text::size(self.limit_bytes));
        let Self { tag, budget, thread, .. } = self;
        let granted = text::size(self.granted_bytes);
        let line = match self.what {
            "soft-limit" => format!("{size} for {tag} passed the soft limit of {budget}, {limit}"),
            "busy" => format!("{size} for {tag} refused: the budgets were busy for half a second"),
            _ => format!("{size} for {tag} refused by {budget}: {granted} of {limit} handed out"),
        };
        writeln!(out, "  at {at}, thread {thread}: {line}")?;
        for frame in &self.frames {
            writeln!(out, "      {frame}")?;
        }
        for row in &self.top {
            writeln!(out, "    {:>11}  {}", text::size(row.bytes), row.tag)?;
            for frame in &row.frames {
                writeln!(out, "                 {frame}")?;
            }
        }
        Ok(())
    }
}
