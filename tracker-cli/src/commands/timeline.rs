//! `scrubjay timeline`: live bytes over time, drawn from the frames.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use scrubjay_log_format::vitals;
use serde::Serialize;

use crate::analysis::clock::Clock;
use crate::analysis::file::LogFile;
use crate::analysis::ledger::Ledger;
use crate::analysis::run::last_ticks;
use crate::error::Error;
use crate::session::Session;
use crate::text;

/// What is asked.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The log
    #[arg(value_name = "LOG")]
    path: PathBuf,
    /// Only this tag
    #[arg(long, value_name = "NAME")]
    tag: Option<String>,
    /// Columns of the drawing
    #[arg(long, value_name = "COLUMNS", default_value_t = text::WIDTH as u16,
          value_parser = clap::value_parser!(u16).range(40..=1000))]
    width: u16,
}

/// The tags that are drawn one by one; JSON has all.
const TAGS_DRAWN: usize = 16;
/// Lines of the drawing of the whole.
const HEIGHT: usize = 8;
/// Columns before a drawing: a name, or a size.
const MARGIN: usize = 22;
/// Columns behind a drawing: a size.
const PEAK_WIDTH: usize = 12;

#[derive(Serialize)]
struct Timeline {
    /// The tags in the order of each point's figures, those with the greatest
    /// level first.
    tags: Vec<String>,
    points: Vec<Point>,
    /// What the kernel said meanwhile.
    kernel: Vec<KernelPoint>,
}

#[derive(Serialize)]
struct KernelPoint {
    at_ns: Option<u64>,
    at_ticks: u64,
    resident_bytes: u64,
    cgroup_usage_bytes: u64,
}

#[derive(Serialize)]
struct Point {
    at_ns: Option<u64>,
    at_ticks: u64,
    live_bytes: u64,
    tag_bytes: Vec<u64>,
}

/// Answers; the exit code.
pub fn run(arguments: &Arguments, mut session: Session<'_>) -> Result<u8, Error> {
    let file = session.open(&arguments.path)?;
    let ledger = session.ledger(&file)?;
    let index = arguments.tag.as_deref().map(|name| ledger.find(name)).transpose()?;
    let timeline = Timeline::new(&file, &ledger, index);
    if session.is_json() {
        session.json("timeline", &file, &timeline, &ledger.damages)?;
    } else {
        timeline.draw(&mut session, arguments, &file)?;
    }
    session.report(&file, &ledger.damages);
    session.end()
}

impl Timeline {
    fn new(file: &LogFile, ledger: &Ledger, only: Option<u32>) -> Self {
        let clock = Clock::new(file);
        let frames = ledger.frames.ring(&file.header);
        let mut tags: Vec<(u64, u32)> = ledger
            .known()
            .filter(|&(index, _)| only.is_none_or(|only| only == index))
            .map(|(index, tag)| {
                let greatest = frames.iter().map(|frame| frame.tag_bytes(index)).max();
                let at_end = tag.live_bytes().max(0) as u64;
                (greatest.unwrap_or(0).max(at_end), index)
            })
            .filter(|&(greatest, _)| greatest > 0)
            .collect();
        tags.sort_by_key(|&(greatest, index)| (u64::MAX - greatest, index));
        let mut points: Vec<Point> = frames
            .iter()
            .map(|frame| Point {
                at_ns: clock.ns(frame.ticks),
                at_ticks: frame.ticks,
                live_bytes: only.map_or(frame.live_bytes, |only| frame.tag_bytes(only)),
                tag_bytes: tags.iter().map(|&(_, index)| frame.tag_bytes(index)).collect(),
            })
            .collect();
        // The last point is the ledger itself, which is as late as it gets.
        let end = last_ticks(file, ledger);
        if points.last().is_none_or(|last| last.at_ticks < end) {
            let live = |index: u32| ledger.tags[index as usize].live_bytes().max(0) as u64;
            let whole = ledger.totals().live_bytes().max(0) as u64;
            points.push(Point {
                at_ns: clock.ns(end),
                at_ticks: end,
                live_bytes: only.map_or(whole, live),
                tag_bytes: tags.iter().map(|&(_, index)| live(index)).collect(),
            });
        }
        let kernel = ledger.vitals.all().map(|sample| KernelPoint {
            at_ns: clock.ns(sample.0[vitals::TICKS]),
            at_ticks: sample.0[vitals::TICKS],
            resident_bytes: sample.resident_bytes(),
            cgroup_usage_bytes: sample.0[vitals::CGROUP_USAGE],
        });
        let tags = tags.iter().map(|&(_, index)| ledger.name(index)).collect();
        Self { tags, points, kernel: kernel.collect() }
    }

    fn draw(
        &self,
        session: &mut Session<'_>,
        arguments: &Arguments,
        file: &LogFile,
    ) -> Result<(), Error> {
        let out = &mut session.out;
        let start = file.header.start_ticks;
        let end = self.points.last().map_or(start, |point| point.at_ticks);
        let columns = usize::from(arguments.width) - MARGIN - PEAK_WIDTH;
        let axis = Axis { start, end, columns };

        let whole = axis.levels(&self.points, |point| (point.at_ticks, point.live_bytes));
        let greatest = whole.iter().copied().max().unwrap_or(0);
        let what = arguments.tag.as_deref().unwrap_or("all tags");
        let title = format!("Live bytes of {what}, from {} frames", self.points.len());
        writeln!(out, "{}", text::heading(&title))?;
        out.write_notes()?;
        for line in (0..HEIGHT).rev() {
            let label = if line == HEIGHT - 1 { text::size(greatest) } else { String::new() };
            let drawing = bars(&whole, greatest, line, HEIGHT);
            writeln!(out, "{label:>width$} │{drawing}", width = MARGIN - 2)?;
        }
        let last = self.points.last().and_then(|point| point.at_ns);
        let (from, to) = match last {
            Some(ns) => ("0 s".to_owned(), text::time(ns)),
            None => ("start".to_owned(), "end (times unknown)".to_owned()),
        };
        writeln!(out, "{:>width$} └{}", "0 B", "─".repeat(columns), width = MARGIN - 2)?;
        let gap = columns.saturating_sub(from.chars().count());
        writeln!(out, "{:width$}{from}{to:>gap$}", "", width = MARGIN)?;

        if arguments.tag.is_none() && !self.kernel.is_empty() {
            let levels = axis.levels(&self.kernel, |point| (point.at_ticks, point.resident_bytes));
            let greatest = levels.iter().copied().max().unwrap_or(0);
            writeln!(
                out,
                "\n{:>width$}  {}{:>PEAK_WIDTH$}",
                "resident, the kernel",
                bars(&levels, greatest, 0, 1),
                text::size(greatest),
                width = MARGIN - 2,
            )?;
        }
        if arguments.tag.is_none() && !self.tags.is_empty() {
            let title = "Each tag, by its own greatest level";
            writeln!(out, "\n{}", text::heading(title))?;
            for (at, tag) in self.tags.iter().take(TAGS_DRAWN).enumerate() {
                let levels =
                    axis.levels(&self.points, |point| (point.at_ticks, point.tag_bytes[at]));
                let greatest = levels.iter().copied().max().unwrap_or(0);
                writeln!(
                    out,
                    "  {:<width$} {}{:>PEAK_WIDTH$}",
                    text::elide(tag, MARGIN - 3),
                    bars(&levels, greatest, 0, 1),
                    text::size(greatest),
                    width = MARGIN - 3,
                )?;
            }
            if self.tags.len() > TAGS_DRAWN {
                writeln!(out, "  and {} more tags", self.tags.len() - TAGS_DRAWN)?;
            }
        }
        Ok(())
    }
}

/// Time from left to right.
struct Axis {
    start: u64,
    end: u64,
    columns: usize,
}

impl Axis {
    /// The greatest level in each column; where no frame was written nothing
    /// happened, so the last level goes on.
    fn levels<P>(&self, points: &[P], level: impl Fn(&P) -> (u64, u64)) -> Vec<u64> {
        let span = u128::from(self.end.saturating_sub(self.start)).max(1);
        let mut columns: Vec<Option<u64>> = vec![None; self.columns];
        let mut carried: Vec<u64> = vec![0; self.columns];
        for point in points {
            let (ticks, value) = level(point);
            let since = u128::from(ticks.saturating_sub(self.start));
            let column = (since * self.columns as u128 / span) as usize;
            let column = column.min(self.columns - 1);
            columns[column] = Some(columns[column].unwrap_or(0).max(value));
            carried[column] = value;
        }
        let mut last = 0;
        let drawn = columns.iter().zip(carried).map(|(column, carry)| match column {
            Some(level) => {
                // What the column began with was live in it as well.
                let level = (*level).max(last.min(*level));
                last = carry;
                level
            }
            None => last,
        });
        drawn.collect()
    }
}

/// One line of a bar chart, counted from the bottom, in eighths of a line.
fn bars(levels: &[u64], greatest: u64, line: usize, height: usize) -> String {
    const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |&level: &u64| {
        let eighths = u128::from(level) * (height * 8) as u128 / u128::from(greatest.max(1));
        // Whatever is live at all is seen.
        let eighths = (eighths as usize).max(usize::from(level > 0));
        EIGHTHS[eighths.saturating_sub(line * 8).min(8)]
    };
    levels.iter().map(bar).collect()
}
