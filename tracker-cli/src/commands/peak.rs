//! `scrubjay peak`: when the most was live, and what of.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use scrubjay_log_format::{process, tag};
use serde::Serialize;

use super::rows::{BlockArguments, BlockRows, LevelRow, level_table, sort_levels};
use crate::analysis::clock::Clock;
use crate::analysis::damage::Damages;
use crate::analysis::file::LogFile;
use crate::analysis::frames::Frame;
use crate::analysis::ledger::Ledger;
use crate::analysis::peak::{self, Coverage, Levels, Until};
use crate::error::Error;
use crate::session::Session;
use crate::text;

/// What is asked.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The log
    #[arg(value_name = "LOG")]
    path: PathBuf,
    /// The peak of this tag instead of the process's
    #[arg(long, value_name = "NAME")]
    tag: Option<String>,
    #[command(flatten)]
    blocks: BlockArguments,
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
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    blocks: Option<BlockRows>,
}

/// Answers; the exit code.
pub fn run(arguments: &Arguments, mut session: Session<'_>) -> Result<u8, Error> {
    let file = session.open(&arguments.path)?;
    let ledger = Ledger::read(&file, &session.progress("reading", &file))?;
    let index = arguments.tag.as_deref().map(|name| ledger.find(name)).transpose()?;
    let mut damages = ledger.damages.clone();
    let mut answer = of_ledger(&file, &ledger, index);
    let coverage = peak::coverage(&file, &ledger);
    if arguments.blocks.blocks && coverage == Coverage::None {
        let message = "--blocks needs a journal; this log has none (mode journal writes one)";
        return Err(Error::Usage(message.into()));
    }
    if coverage != Coverage::None {
        let from_journal = of_journal(&file, &ledger, index, arguments.blocks, &session)?;
        let (from_journal, journal_damages) = from_journal;
        // A journal that ends early still holds the peak if nothing later
        // exceeded it.
        let is_whole = coverage == Coverage::Whole && journal_damages.is_empty();
        if is_whole || from_journal.bytes >= answer.bytes {
            answer = from_journal;
        } else if arguments.blocks.blocks {
            session.say(
                "the journal lacks the events of the peak; the blocks are those of its own peak",
            );
            answer.blocks = from_journal.blocks;
        }
        damages.merge(journal_damages);
    }
    if session.is_json() {
        session.json("peak", &file, &answer, &damages)?;
    } else {
        answer.write(&mut session)?;
    }
    session.report(&file, &damages);
    session.end()
}

/// The peak as threads published it, and the frame nearest to it.
fn of_ledger(file: &LogFile, ledger: &Ledger, index: Option<u32>) -> Peak {
    let clock = Clock::new(file);
    let words = &file.process;
    let (bytes, ticks, bound_bytes) = match index {
        None => (ledger.peak_bytes(file), words[process::PEAK_TICKS], peak::process_bound(file)),
        Some(index) => {
            let tag = &ledger.tags[index as usize];
            let bound = peak::tag_bound(file, ledger, index);
            (tag.peak_bytes(), tag.totals[tag::PEAK_TICKS], bound)
        }
    };
    let (frame, tags_source) = match index {
        None => (ledger.frames.peak(file), "peak-frame"),
        Some(_) => (ledger.frames.at(&file.header, ticks), "frame"),
    };
    let mut tags = frame.map_or_else(Vec::new, |frame| frame_rows(ledger, &frame));
    sort_levels(&mut tags);
    Peak {
        tag: index.map(|index| ledger.name(index)),
        bytes,
        at_ns: (ticks > 0).then(|| clock.ns(ticks)).flatten(),
        source: "ledger",
        bound_bytes,
        tags_source: if frame.is_some() { tags_source } else { "none" },
        tags_at_ns: frame.and_then(|frame| clock.ns(frame.ticks)),
        tags,
        blocks: None,
    }
}

/// The tags of a frame.
pub fn frame_rows(ledger: &Ledger, frame: &Frame<'_>) -> Vec<LevelRow> {
    let rows = ledger.known().map(|(index, _)| LevelRow {
        tag: ledger.name(index),
        bytes: frame.tag_bytes(index) as i64,
        blocks: None,
    });
    rows.filter(|row| row.bytes > 0).collect()
}

/// The tags of a moment of the journal.
pub fn moment_rows(ledger: &Ledger, levels: &Levels) -> Vec<LevelRow> {
    let rows = levels.iter().map(|(&index, level)| LevelRow {
        tag: ledger.name(index),
        bytes: level.bytes,
        blocks: Some(level.blocks),
    });
    let mut rows: Vec<LevelRow> = rows.collect();
    sort_levels(&mut rows);
    rows
}

fn of_journal(
    file: &LogFile,
    ledger: &Ledger,
    index: Option<u32>,
    blocks: BlockArguments,
    session: &Session<'_>,
) -> Result<(Peak, Damages), Error> {
    let clock = Clock::new(file);
    let progress = session.progress("finding the peak", file);
    let (found, mut damages) = peak::find(file, ledger, index, &progress)?;
    let progress = session.progress("going there", file);
    let moment = peak::moment(file, ledger, Until::Peak(found), blocks.blocks, &progress)?;
    damages.merge(moment.damages);
    let at_ns = clock.ns(found.ticks);
    let peak = Peak {
        tag: index.map(|index| ledger.name(index)),
        bytes: found.bytes.max(0) as u64,
        at_ns,
        source: "journal",
        bound_bytes: 0,
        tags_source: "journal",
        tags_at_ns: at_ns,
        tags: moment_rows(ledger, &moment.levels),
        blocks: blocks
            .blocks
            .then(|| BlockRows::new(moment.blocks, moment.ticks, index, blocks, ledger, &clock)),
    };
    Ok((peak, damages))
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
        if let Some(blocks) = &self.blocks {
            let title = format!("{} live then", text::plural(blocks.block_count, "block"));
            writeln!(out, "\n{}", text::heading(&title))?;
            blocks.write(out, is_narrow)?;
        }
        Ok(())
    }
}
