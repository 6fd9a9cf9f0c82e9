//! `scrubjay leaks`: what was live at the end, or at a moment. Whether it is a
//! leak is for the reader to judge, and for a scan, where the log has one.

use std::io::Write;

use clap::Args;
use scrubjay_log_format::process;
use serde::Serialize;

use super::question::{Asked, BlockArguments, TagArguments};
use super::reading::Reading;
use super::rows::{BlockRows, LevelRow, frame_rows, level_table, live_rows, moment_rows};
use super::scanned::Scanned;
use super::sites::{Order, SiteArguments, SiteRows};
use super::suppressed::{Suppressed, SuppressionArguments};
use crate::analysis::damage::Damages;
use crate::analysis::held::{Held, HeldSite};
use crate::analysis::peak::{self, Coverage, Moment, Until};
use crate::analysis::run::{End, last_ticks};
use crate::analysis::scanned::{self, Found};
use crate::error::Error;
use crate::session::Session;
use crate::text;

/// What is asked.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    about: TagArguments,
    /// What was live so many seconds after the start, instead of at the end
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    at: Option<f64>,
    /// Only what nothing reaches any more, by the last scan that the log has
    #[arg(long, conflicts_with = "blocks")]
    lost: bool,
    #[command(flatten)]
    blocks: BlockArguments,
    #[command(flatten)]
    sites: SiteArguments,
    #[command(flatten)]
    suppressions: SuppressionArguments,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(seconds),
        _ => Err("not a number of seconds".into()),
    }
}

#[derive(Serialize)]
struct Live {
    /// The tag asked for; null for all.
    tag: Option<String>,
    /// Null for the end.
    at_ns: Option<u64>,
    end: End,
    /// "ledger", "journal", "frame" or "scan".
    source: &'static str,
    live_bytes: i64,
    live_blocks: Option<i64>,
    tags: Vec<LevelRow>,
    #[serde(flatten)]
    sites: SiteRows,
    /// How it was held, by the last scan; null where there is none.
    scan: Option<Scanned>,
    /// What may stay, and what is left; null where nobody asked.
    suppressed: Option<Suppressed>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    blocks: Option<BlockRows>,
}

/// Answers; the exit code.
pub fn run(arguments: &Arguments, mut session: Session<'_>) -> Result<u8, Error> {
    let suppressions = arguments.suppressions.read()?;
    let asked = arguments.about.open(&mut session)?;
    let Asked { file, ledger, clock, .. } = &asked;
    let at = match arguments.at {
        None => None,
        Some(seconds) => Some(clock.ticks(seconds).ok_or_else(|| {
            let why = "the process died before the clock was measured, so --at is unknown";
            Error::Usage(why.into())
        })?),
    };
    let mut damages = ledger.damages.clone();
    let moment = journal_moment(&asked, at, arguments.blocks, &mut session, &mut damages)?;
    let mut found = scanned::find(ledger, at);
    let lost = found.as_ref().filter(|_| arguments.lost);
    let (source, tags) = match lost {
        Some(found) => ("scan", of_tag(found.lost_rows(&asked), &arguments.about)),
        None if arguments.lost => return Err(Error::Usage(NO_SCAN.into())),
        None => levels(arguments, &asked, at, moment.as_ref()),
    };
    let live_bytes: i64 = tags.iter().map(|row| row.bytes).sum();
    let live_blocks: Option<i64> = tags.iter().map(|row| row.blocks).sum();

    let mut held = match lost {
        Some(found) => found.lost(),
        None => held(&asked, at, moment.as_ref()),
    };
    let tags_alone = tag_sites(&tags, &asked)?;
    let is_asked = arguments.suppressions.is_asked();
    if is_asked && held.source.is_none() {
        held.sites.clone_from(&tags_alone);
    }
    let reading = read(&held, found.as_ref(), arguments, &asked, &mut session, &mut damages)?;
    let mut suppressed = None;
    if is_asked {
        let has_blocks = live_blocks.is_some();
        let mut divided = suppressions.divide(&mut held, &tags_alone, has_blocks, &asked, &reading);
        if arguments.suppressions.judge(&mut divided) {
            session.found();
        }
        if held.source.is_none() {
            held.sites.clear();
        }
        if let Some(found) = &mut found {
            let is_left = |site: &u32| !divided.sites.contains(site);
            found.retain(|site| site.sites.iter().all(is_left));
        }
        suppressed = Some(divided);
    }
    let order = Order::Bytes;
    let sites = SiteRows::read(&held, &asked, asked.tag, order, &arguments.sites, &reading);
    let scan = found.map(|found| Scanned::new(&found, &asked, &arguments.sites, &reading));

    let blocks = moment.filter(|_| arguments.blocks.blocks).map(|mut moment| {
        let now = at.unwrap_or_else(|| last_ticks(file, ledger).max(moment.ticks));
        if let Some(suppressed) = &suppressed {
            moment.blocks.retain(|(_, block)| !suppressed.sites.contains(&block.site()));
        }
        BlockRows::new(moment.blocks, now, arguments.blocks, &asked)
    });
    let answer = Live {
        tag: arguments.about.tag.clone(),
        at_ns: at.and_then(|ticks| clock.ns(ticks)),
        end: End::of(file),
        source,
        live_bytes,
        live_blocks,
        tags,
        sites,
        scan,
        suppressed,
        blocks,
    };
    if session.is_json() {
        session.json("leaks", file, &answer, &damages)?;
    } else {
        answer.write(&mut session)?;
    }
    session.report(file, &damages);
    session.end()
}

/// Why there is no answer to `--lost`.
const NO_SCAN: &str = "--lost needs a scan by then; this log has none (scrubjay::scan makes one)";

/// The stacks of what is shown, as people read them.
fn read(
    held: &Held,
    found: Option<&Found>,
    arguments: &Arguments,
    asked: &Asked,
    session: &mut Session<'_>,
    damages: &mut Damages,
) -> Result<Reading, Error> {
    let sites = held.of_tag(asked.tag);
    // Which stacks read alike is known of all, or those that are named are not the
    // greatest.
    let is_by_rank = arguments.sites.all_frames && !arguments.suppressions.is_asked();
    let count = if is_by_rank { arguments.sites.top } else { sites.len() };
    let of_scan = found.iter().flat_map(|found| &found.groups);
    let of_scan = of_scan.flat_map(|group| group.held.of_tag(asked.tag));
    let read = sites.into_iter().take(count).chain(of_scan);
    let reading = Reading::new(asked, read, &arguments.sites.symbols, session, damages)?;
    for line in &held.unsettled {
        session.say(line);
    }
    Ok(reading)
}

/// The tag asked for, or all.
fn of_tag(mut rows: Vec<LevelRow>, about: &TagArguments) -> Vec<LevelRow> {
    rows.retain(|row| about.tag.as_ref().is_none_or(|tag| row.tag == *tag));
    rows
}

/// What was live of each tag asked for, and whence that is known.
fn levels(
    arguments: &Arguments,
    asked: &Asked,
    at: Option<u64>,
    moment: Option<&Moment>,
) -> (&'static str, Vec<LevelRow>) {
    let Asked { file, ledger, .. } = asked;
    let (source, tags) = match (at, moment) {
        // At the end the ledger knows, whatever the journal lacks.
        (None, _) => ("ledger", live_rows(ledger)),
        (Some(_), Some(moment)) => ("journal", moment_rows(ledger, &moment.levels)),
        (Some(ticks), None) => {
            let frame = ledger.frames.at(&file.header, ticks);
            ("frame", frame.map_or_else(Vec::new, |frame| frame_rows(ledger, &frame)))
        }
    };
    (source, of_tag(tags, &arguments.about))
}

/// Tags as sites without a stack.
fn tag_sites(tags: &[LevelRow], asked: &Asked) -> Result<Vec<HeldSite>, Error> {
    let site = |row: &LevelRow| {
        let tag = asked.ledger.find(&row.tag)?;
        let blocks = row.blocks.unwrap_or(0);
        Ok(HeldSite { tag, sites: vec![tag], bytes: row.bytes, blocks, ..HeldSite::default() })
    };
    tags.iter().map(site).collect()
}

/// Who held it: by the journal, else by what the sites counted until the end.
fn held(asked: &Asked, at: Option<u64>, moment: Option<&Moment>) -> Held {
    let Asked { file, ledger, .. } = asked;
    if ledger.sites.count() == 0 {
        return Held::unknown("this log has no stacks; modes sample and journal record them");
    }
    match moment {
        Some(moment) if is_told(asked, at) && moment.damages.is_empty() => {
            Held::by_journal(ledger, &moment.sites)
        }
        _ if at.is_some() => Held::unknown("for a moment before the end it takes a journal of it"),
        _ => Held::by_counters(file, ledger),
    }
}

/// Whether the journal has every event until a moment, or what it lacks is told
/// by the counters.
fn is_told(asked: &Asked, at: Option<u64>) -> bool {
    let journal_end = asked.file.process[process::JOURNAL_END_TICKS];
    match Coverage::of(&asked.file, &asked.ledger) {
        Coverage::Whole | Coverage::Since => true,
        Coverage::Dropped(_) => at.is_some_and(|at| journal_end > 0 && at <= journal_end),
        Coverage::None => false,
    }
}

/// The moment by the journal, where it is asked for and can tell.
fn journal_moment(
    asked: &Asked,
    at: Option<u64>,
    blocks: BlockArguments,
    session: &mut Session<'_>,
    damages: &mut Damages,
) -> Result<Option<Moment>, Error> {
    let Asked { file, ledger, .. } = asked;
    let with_blocks = blocks.blocks;
    let coverage = Coverage::of(file, ledger);
    let has_sites = ledger.sites.count() > 0 && is_told(asked, at);
    if !blocks.has_journal(coverage)? || (!with_blocks && at.is_none() && !has_sites) {
        return Ok(None);
    }
    let journal_end = file.process[process::JOURNAL_END_TICKS];
    let ends_before = journal_end > 0 && at.is_none_or(|at| at > journal_end);
    if let Coverage::Dropped(count) = coverage
        && (ends_before || journal_end == 0)
    {
        if !with_blocks {
            return Ok(None);
        }
        let events = text::plural(count, "event");
        session.say(&format!("the journal dropped {events}: the list of blocks is not whole"));
    }
    let progress = session.progress("replaying", file);
    let until = at.map_or(Until::End, Until::Ticks);
    let moment = peak::moment(file, ledger, until, with_blocks, &progress)?;
    damages.merge(moment.damages.clone());
    if with_blocks && (ledger.has_older_blocks(file) || coverage == Coverage::Since) {
        session.say("blocks born before the journal are in the figures, not in the list of blocks");
    }
    Ok(Some(moment))
}

impl Live {
    fn write(&self, session: &mut Session<'_>) -> Result<(), Error> {
        let is_narrow = session.is_narrow();
        let out = &mut session.out;
        let what = self.tag.as_ref().map_or_else(String::new, |tag| format!(" of {tag}"));
        let when = match (self.at_ns, self.end) {
            (Some(ns), _) => format!("at {}", text::time(ns)),
            (None, End::Running) => "now (it still runs)".into(),
            (None, End::Dumped) => "when it was dumped".into(),
            (None, End::Killed) => "when it was killed".into(),
            (None, _) => "at the end".into(),
        };
        let lost = self.scan.as_ref().filter(|_| self.source == "scan");
        let title = match (lost, self.source) {
            (Some(scan), _) => format!("Lost{what}, by {}", scan.title()),
            (None, "ledger") => format!("Live{what} {when}, from the ledger"),
            (None, "journal") => format!("Live{what} {when}, from the journal"),
            _ => format!("Live{what} {when}, from the last frame before"),
        };
        writeln!(out, "{}", text::heading(&title))?;
        out.write_notes()?;
        let blocks = self.live_blocks.map_or_else(String::new, |blocks| {
            format!(" in {}", text::plural(blocks.max(0) as u64, "block"))
        });
        if self.tags.is_empty() {
            writeln!(out, "  nothing")?;
        } else {
            writeln!(out, "  {}{blocks}", text::signed_size(self.live_bytes))?;
        }
        if let Some(suppressed) = &self.suppressed {
            suppressed.write_left(out)?;
        }
        if !self.tags.is_empty() {
            write!(out, "\n{}", level_table(&self.tags, is_narrow))?;
            let what = match (&self.suppressed, lost) {
                (Some(_), _) => "Left",
                (None, Some(_)) => "Lost",
                (None, None) => "Live",
            };
            self.sites.write(out, what, is_narrow)?;
        }
        match (&self.scan, lost) {
            (_, Some(scan)) => scan.write_pause(out)?,
            (Some(scan), None) => scan.write(out, is_narrow)?,
            (None, None) => {}
        }
        if let Some(suppressed) = &self.suppressed {
            suppressed.write(out, self.tag.is_some(), is_narrow)?;
        }
        if let Some(blocks) = &self.blocks {
            let left = if self.suppressed.is_some() { " left" } else { "" };
            blocks.write(out, &format!("{left}, from the journal"), is_narrow)?;
        }
        Ok(())
    }
}
