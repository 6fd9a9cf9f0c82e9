//! The peak: when the most was live, of all tags or of one, and what of.

use std::collections::HashMap;
use std::ops::ControlFlow;

use scrubjay_log_format::{Event, TAG_COUNT_MAX, process, tag};

use super::clock::Clock;
use super::damage::Damages;
use super::file::LogFile;
use super::journal::{self, At, Visitor};
use super::ledger::Ledger;
use super::live::{Block, LiveBlocks};
use crate::error::Error;
use crate::progress::Progress;

/// Bytes and blocks of each tag, by index.
pub type Levels = HashMap<u32, Level>;

/// What is live of one tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Bytes.
    pub bytes: i64,
    /// Blocks.
    pub blocks: i64,
}

/// What was live at one moment, by the journal.
#[derive(Debug, Default)]
pub struct Moment {
    /// The moment in ticks; 0 for the beginning.
    pub ticks: u64,
    /// What was live of each tag.
    pub levels: Levels,
    /// The live blocks, where they were asked for.
    pub blocks: Vec<(u64, Block)>,
    /// What could not be read.
    pub damages: Damages,
}

/// The bound of a published peak: every thread may hold back as much.
pub fn bound(file: &LogFile, quantum: u64) -> u64 {
    let threads = file.process[process::THREAD_LIVE_MAX];
    // A lone thread's peak is exact: nobody else holds anything back.
    if threads <= 1 { 0 } else { threads.saturating_mul(quantum) }
}

/// The bound of the process's peak in the ledger.
pub fn process_bound(file: &LogFile) -> u64 {
    bound(file, file.process[process::QUANTUM])
}

/// The bound of a tag's peak in the ledger.
pub fn tag_bound(file: &LogFile, ledger: &Ledger, index: u32) -> u64 {
    let quantum = ledger.tags.get(index as usize).map_or(0, |tag| tag.totals[tag::QUANTUM]);
    bound(file, quantum)
}

/// The peak of all tags or of one, by the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    /// Bytes live.
    pub bytes: i64,
    /// When, in ticks; 0 for the beginning.
    pub ticks: u64,
    /// How many events had happened.
    event_count: u64,
}

/// Finds the peak of all tags or of one. Frees carry size and tag, so that no
/// block has to be remembered.
///
/// # Errors
/// Where the file cannot be read.
pub fn find(
    file: &LogFile,
    ledger: &Ledger,
    tag: Option<u32>,
    progress: &Progress,
) -> Result<(Peak, Damages), Error> {
    let before = levels_before(ledger);
    let bytes = before
        .iter()
        .filter(|&(&index, _)| tag.is_none_or(|tag| tag == index))
        .map(|(_, level)| level.bytes)
        .sum();
    let peak = Peak { bytes, ..Peak::default() };
    let mut search = Search { tag, live: bytes, event_count: 0, peak };
    let damages = journal::replay(file, progress, &mut search)?;
    Ok((search.peak, damages))
}

struct Search {
    tag: Option<u32>,
    live: i64,
    event_count: u64,
    peak: Peak,
}

impl Visitor for Search {
    #[inline]
    fn event(&mut self, event: &Event, at: &At) -> ControlFlow<()> {
        self.event_count += 1;
        if self.tag.is_some_and(|tag| tag != event.site) {
            return ControlFlow::Continue(());
        }
        if event.kind.frees() {
            self.live -= event.size as i64;
        } else if event.kind.allocates() {
            self.live += event.size as i64;
            if self.live > self.peak.bytes {
                self.peak =
                    Peak { bytes: self.live, ticks: at.ticks, event_count: self.event_count };
            }
        }
        ControlFlow::Continue(())
    }
}

/// Until when the journal is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// To its end.
    End,
    /// Through the event that made a peak.
    Peak(Peak),
    /// Through the last event that is not later than this, in ticks.
    Ticks(u64),
}

/// What was live at a moment, with its blocks or without.
///
/// # Errors
/// Where the file cannot be read.
pub fn moment(
    file: &LogFile,
    ledger: &Ledger,
    until: Until,
    with_blocks: bool,
    progress: &Progress,
) -> Result<Moment, Error> {
    let disagreement = Clock::new(file).disagreement();
    let has_gaps = ledger.has_older_blocks(file) || ledger.totals().dropped_events() > 0;
    let mut walk = Walk {
        until,
        event_count: 0,
        ticks: 0,
        levels: vec![Level::default(); TAG_COUNT_MAX as usize],
        live: with_blocks.then(|| LiveBlocks::new(disagreement, has_gaps)),
    };
    for (index, level) in levels_before(ledger) {
        walk.levels[index as usize] = level;
    }
    let starts_with_peak = matches!(until, Until::Peak(peak) if peak.event_count == 0);
    let damages = if starts_with_peak {
        Damages::default()
    } else {
        journal::replay(file, progress, &mut walk)?
    };
    let ticks = match until {
        Until::End => walk.ticks,
        Until::Peak(peak) => peak.ticks,
        Until::Ticks(ticks) => ticks,
    };
    let levels = (0..).zip(walk.levels).filter(|(_, level)| *level != Level::default());
    let blocks = walk.live.iter().flat_map(LiveBlocks::iter).collect();
    Ok(Moment { ticks, levels: levels.collect(), blocks, damages })
}

struct Walk {
    until: Until,
    event_count: u64,
    ticks: u64,
    levels: Vec<Level>,
    live: Option<LiveBlocks>,
}

impl Visitor for Walk {
    #[inline]
    fn event(&mut self, event: &Event, at: &At) -> ControlFlow<()> {
        if matches!(self.until, Until::Ticks(ticks) if at.ticks > ticks) {
            return ControlFlow::Break(());
        }
        self.event_count += 1;
        self.ticks = at.ticks;
        if let Some(level) = self.levels.get_mut(event.site as usize) {
            if event.kind.frees() {
                level.bytes -= event.size as i64;
                level.blocks -= 1;
            } else if event.kind.allocates() {
                level.bytes += event.size as i64;
                level.blocks += 1;
            }
        }
        if let Some(live) = &mut self.live {
            live.event(event, at);
        }
        match self.until {
            Until::Peak(peak) if peak.event_count == self.event_count => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// What was live when the journal began: nothing, but for a late log or a
/// forked child.
fn levels_before(ledger: &Ledger) -> Levels {
    ledger
        .known()
        .map(|(index, tag)| {
            let level = Level { bytes: tag.live_bytes_before(), blocks: tag.live_blocks_before() };
            (index, level)
        })
        .filter(|(_, level)| *level != Level::default())
        .collect()
}

/// How much of the journal's time the log covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// There is no journal.
    None,
    /// Every event is there.
    Whole,
    /// So many events were dropped.
    Dropped(u64),
}

/// Whether the journal can answer alone.
pub fn coverage(file: &LogFile, ledger: &Ledger) -> Coverage {
    use scrubjay_log_format::{Mode, header};
    if file.header.mode != Mode::Journal || file.header.has(header::FLAG_DUMP) {
        return Coverage::None;
    }
    match ledger.totals().dropped_events() {
        0 => Coverage::Whole,
        count => Coverage::Dropped(count),
    }
}
