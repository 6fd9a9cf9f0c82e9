//! `scrubjay peak`: when the most was live, and what of.

use std::io::Write;

use clap::Args;
use scrubjay_log_format::{process, tag};
use serde::Serialize;

use super::question::{Asked, BlockArguments, TagArguments};
use super::rows::{BlockRows, LevelRow, frame_rows, level_table, moment_rows};
use super::sites::{SiteArguments, SiteRows};
use crate::analysis::damage::Damages;
use crate::analysis::held::Held;
use crate::analysis::peak::{self, Coverage, Until};
use crate::error::Error;
use crate::session::Session;
use crate::text;

/// What is asked.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    about: TagArguments,
    #[command(flatten)]
    blocks: BlockArguments,
    #[command(flatten)]
    sites: SiteArguments,
}

#[derive(Serialize)]
struct Peak {
    /// The tag asked for; null for the process.
    tag: Option<String>,
    bytes: u64,
    at_ns: Option<u64>,
    /// "journal" or "ledger".
    source: &'static str,
    /// Within which the figure is right; 0 if it is exact.
    bound_bytes: u64,
    /// Where the tags' figures come from: "journal", "peak-frame", "frame" or
    /// "none".
    tags_source: &'static str,
    tags_at_ns: Option<u64>,
    tags: Vec<LevelRow>,
    #[serde(flatten)]
    sites: Option<SiteRows>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    blocks: Option<BlockRows>,
}

/// Answers; the exit code.
pub fn run(arguments: &Arguments, mut session: Session<'_>) -> Result<u8, Error> {
    let asked = arguments.about.open(&mut session)?;
    let mut damages = asked.ledger.damages.clone();
    let mut answer = of_ledger(&asked);
    let (mut held, mut noted) = noted(&asked);
    let coverage = Coverage::of(&asked.file, &asked.ledger);
    if arguments.blocks.has_journal(coverage)? {
        let (from_journal, by_site, journal_damages) =
            of_journal(&asked, arguments.blocks, &session)?;
        // A journal that ends early still holds the peak if nothing later
        // exceeded it.
        let is_whole = coverage == Coverage::Whole && journal_damages.is_empty();
        if is_whole || from_journal.bytes >= answer.bytes {
            answer = from_journal;
            if asked.ledger.sites.count() > 0 {
                (held, noted) = (by_site, None);
            }
        } else if arguments.blocks.blocks {
            session.say(
                "the journal lacks the events of the peak; the blocks are those of its own peak",
            );
            answer.blocks = from_journal.blocks;
        }
        damages.merge(journal_damages);
    }
    let sites = SiteRows::new(&held, &asked, &arguments.sites, &mut session, &mut damages)?;
    answer.sites = Some(sites.noted_at(noted.and_then(|ticks| asked.clock.ns(ticks))));
    if session.is_json() {
        session.json("peak", &asked.file, &answer, &damages)?;
    } else {
        answer.write(&mut session)?;
    }
    session.report(&asked.file, &damages);
    session.end()
}

/// Who held it, as noted when the peak rose, and when that was.
fn noted(asked: &Asked) -> (Held, Option<u64>) {
    let Asked { file, ledger, .. } = asked;
    if ledger.sites.count() == 0 {
        let why = "this log has no stacks; modes sample and journal record them";
        return (Held::unknown(why), None);
    }
    match Held::at_peak(file, ledger, asked.tag) {
        Some((held, ticks)) => (held, Some(ticks)),
        None => (Held::unknown("it was not noted at this peak"), None),
    }
}

/// The peak as threads published it, and the frame nearest to it.
fn of_ledger(asked: &Asked) -> Peak {
    let Asked { file, ledger, clock, .. } = asked;
    let words = &file.process;
    let (bytes, ticks, bound_bytes) = match asked.tag {
        None => (ledger.peak_bytes(file), words[process::PEAK_TICKS], peak::process_bound(file)),
        Some(index) => {
            let tag = &ledger.tags[index as usize];
            let bound = peak::tag_bound(file, ledger, index);
            (tag.peak_bytes(), tag.totals[tag::PEAK_TICKS], bound)
        }
    };
    let (frame, tags_source) = match asked.tag {
        None => (ledger.frames.peak(file), "peak-frame"),
        Some(_) => (ledger.frames.at(&file.header, ticks), "frame"),
    };
    Peak {
        tag: asked.tag.map(|index| ledger.name(index)),
        bytes,
        at_ns: (ticks > 0).then(|| clock.ns(ticks)).flatten(),
        source: "ledger",
        bound_bytes,
        tags_source: if frame.is_some() { tags_source } else { "none" },
        tags_at_ns: frame.and_then(|frame| clock.ns(frame.ticks)),
        tags: frame.map_or_else(Vec::new, |frame| frame_rows(ledger, &frame)),
        sites: None,
        blocks: None,
    }
}

fn of_journal(
    asked: &Asked,
    blocks: BlockArguments,
    session: &Session<'_>,
) -> Result<(Peak, Held, Damages), Error> {
    let Asked { file, ledger, clock, .. } = asked;
    let progress = session.progress("finding the peak", file);
    let (peaks, mut damages) = peak::find(file, ledger, &progress)?;
    let found = peaks.of(asked.tag);
    let progress = session.progress("going there", file);
    let moment = peak::moment(file, ledger, Until::Peak(found), blocks.blocks, &progress)?;
    damages.merge(moment.damages);
    let held = Held::by_journal(ledger, &moment.sites);
    let at_ns = clock.ns(found.ticks);
    let peak = Peak {
        tag: asked.tag.map(|index| ledger.name(index)),
        bytes: found.bytes.max(0) as u64,
        at_ns,
        source: "journal",
        bound_bytes: 0,
        tags_source: "journal",
        tags_at_ns: at_ns,
        tags: moment_rows(ledger, &moment.levels),
        sites: None,
        blocks: blocks.blocks.then(|| BlockRows::new(moment.blocks, moment.ticks, blocks, asked)),
    };
    Ok((peak, held, damages))
}

impl Peak {
    fn write(&self, session: &mut Session<'_>) -> Result<(), Error> {
        let is_narrow = session.is_narrow();
        let out = &mut session.out;
        let title = self.tag.as_ref().map_or_else(|| "Peak".into(), |tag| format!("Peak of {tag}"));
        let right = match (self.source, self.bound_bytes) {
            ("journal", _) => "exact, from the journal".into(),
            (_, 0) => "exact, from the ledger".into(),
            (_, bound) => format!("within {}, from the ledger", text::size(bound)),
        };
        let at = text::moment(self.at_ns);
        writeln!(out, "{}", text::heading(&title))?;
        out.write_notes()?;
        writeln!(
            out,
            "  {} ({} bytes) at {at}, {right}",
            text::size(self.bytes),
            text::count(self.bytes)
        )?;
        match self.tags_source {
            "journal" => writeln!(out, "\n{}", text::heading("Live then, from the journal"))?,
            "none" => writeln!(out, "\n  No frame tells what it was made of.")?,
            source => {
                let what = if source == "frame" { "a frame" } else { "the peak's frame" };
                let at = text::moment(self.tags_at_ns);
                let title = format!("Live about then, from {what} at {at}");
                writeln!(out, "\n{}", text::heading(&title))?;
            }
        }
        if !self.tags.is_empty() {
            write!(out, "{}", level_table(&self.tags, is_narrow))?;
        }
        if let Some(sites) = &self.sites {
            sites.write(out, "Live then", is_narrow)?;
        }
        if let Some(blocks) = &self.blocks {
            blocks.write(out, " live then", is_narrow)?;
        }
        Ok(())
    }
}
