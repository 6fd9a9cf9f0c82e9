//! The peak: when the most was live, of all tags or of one, and what of.

use std::collections::HashMap;
use std::ops::ControlFlow;

use scrubjay_log_format::{Event, cell, process, site, tag};

use super::clock::Clock;
use super::damage::Damages;
use super::file::LogFile;
use super::journal::{self, At, Visitor};
use super::ledger::Ledger;
use super::live::{Block, LiveBlocks};
use super::site_ledger::SiteLedger;
use super::sites::UNKNOWN_TAG;
use super::tag_sums::difference;
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
    /// What was live of each site, where the log has any: by index, those
    /// below the first one are blocks of that tag without a stack.
    pub sites: Levels,
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

/// The peaks of the process and of its tags.
#[derive(Clone, Debug, Default)]
pub struct Peaks {
    /// Of all tags together.
    pub process: Peak,
    tags: Vec<Peak>,
}

impl Peaks {
    /// The peak of a tag, or of the process.
    pub fn of(&self, tag: Option<u32>) -> Peak {
        match tag {
            Some(tag) => self.tags.get(tag as usize).copied().unwrap_or_default(),
            None => self.process,
        }
    }
}

/// Finds all peaks. Frees carry size and tag, so that no block has to be
/// remembered.
///
/// # Errors
/// Where the file cannot be read.
pub fn find(
    file: &LogFile,
    ledger: &Ledger,
    progress: &Progress,
) -> Result<(Peaks, Damages), Error> {
    let mut search = Search { event_count: 0, process: Rise::default(), tags: Vec::new() };
    search.tags.resize(UNKNOWN_TAG as usize + 1, Rise::default());
    for (index, level) in levels_before(file, ledger) {
        search.tags[index as usize] = Rise::from(level.bytes);
    }
    search.process = Rise::from(search.tags.iter().map(|rise| rise.live).sum::<i64>());
    let damages = journal::replay(file, &ledger.sites, progress, &mut search)?;
    let tags = search.tags.into_iter().map(|rise| rise.peak).collect();
    Ok((Peaks { process: search.process.peak, tags }, damages))
}

struct Search {
    event_count: u64,
    process: Rise,
    tags: Vec<Rise>,
}

/// What is live, and the most that was.
#[derive(Clone, Copy, Default)]
struct Rise {
    live: i64,
    peak: Peak,
}

impl From<i64> for Rise {
    fn from(bytes: i64) -> Self {
        Self { live: bytes, peak: Peak { bytes, ..Peak::default() } }
    }
}

impl Rise {
    #[inline]
    fn change(&mut self, bytes: i64, ticks: u64, event_count: u64) {
        self.live += bytes;
        if self.live > self.peak.bytes {
            self.peak = Peak { bytes: self.live, ticks, event_count };
        }
    }
}

impl Visitor for Search {
    #[inline]
    fn event(&mut self, event: &Event, at: &At) -> ControlFlow<()> {
        self.event_count += 1;
        let bytes = if event.kind.frees() {
            (event.size as i64).wrapping_neg()
        } else if event.kind.allocates() {
            event.size as i64
        } else {
            0
        };
        self.process.change(bytes, at.ticks, self.event_count);
        self.tags[at.tag as usize].change(bytes, at.ticks, self.event_count);
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
    let before = (levels_before(file, ledger), sites_before(file, ledger, progress)?);
    let has_gaps = ledger.has_older_blocks(file) || ledger.totals().dropped_events() > 0;
    let mut walk = Walk {
        until,
        event_count: 0,
        ticks: 0,
        levels: vec![Level::default(); UNKNOWN_TAG as usize + 1],
        sites: site_levels(before.1),
        live: with_blocks.then(|| LiveBlocks::new(disagreement, has_gaps)),
    };
    for (index, level) in before.0 {
        walk.levels[index as usize] = level;
    }
    let starts_with_peak = matches!(until, Until::Peak(peak) if peak.event_count == 0);
    let damages = if starts_with_peak {
        Damages::default()
    } else {
        journal::replay(file, &ledger.sites, progress, &mut walk)?
    };
    let ticks = match until {
        Until::End => walk.ticks,
        Until::Peak(peak) => peak.ticks,
        Until::Ticks(ticks) => ticks,
    };
    let levels = (0..).zip(walk.levels).filter(|(_, level)| *level != Level::default());
    let sites = (0..).zip(walk.sites).filter(|(_, level)| *level != Level::default());
    let blocks = walk.live.iter().flat_map(LiveBlocks::iter).collect();
    Ok(Moment { ticks, levels: levels.collect(), sites: sites.collect(), blocks, damages })
}

struct Walk {
    until: Until,
    event_count: u64,
    ticks: u64,
    levels: Vec<Level>,
    sites: Vec<Level>,
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
        self.levels[at.tag as usize].change(event);
        change_site(&mut self.sites, event);
        if let Some(live) = &mut self.live {
            live.event(event, at);
        }
        match self.until {
            Until::Peak(peak) if peak.event_count == self.event_count => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl Level {
    #[inline]
    fn change(&mut self, event: &Event) {
        if event.kind.frees() {
            self.bytes -= event.size as i64;
            self.blocks -= 1;
        } else if event.kind.allocates() {
            self.bytes += event.size as i64;
            self.blocks += 1;
        }
    }
}

#[inline]
fn change_site(sites: &mut Vec<Level>, event: &Event) {
    let site = event.site as usize;
    if sites.len() <= site {
        // The journal hands on no greater one.
        sites.resize((site + 1).min(site::COUNT_MAX as usize), Level::default());
    }
    sites[site].change(event);
}

/// What was live when the journal began: nothing, but for a late log, a forked
/// child, and a ring whose first chunks are gone.
fn levels_before(file: &LogFile, ledger: &Ledger) -> Levels {
    let is_gone = Coverage::of(file, ledger) == Coverage::Since;
    ledger
        .known()
        .map(|(index, tag)| {
            let gone = |plus: usize, minus: usize| {
                if is_gone { difference(&tag.sums, plus, minus) } else { 0 }
            };
            let bytes = gone(cell::DROPPED_ALLOCATED_BYTES, cell::DROPPED_FREED_BYTES);
            let blocks = gone(cell::DROPPED_ALLOCATED_BLOCKS, cell::DROPPED_FREED_BLOCKS);
            let level = Level {
                bytes: tag.live_bytes_before().wrapping_add(bytes),
                blocks: tag.live_blocks_before().wrapping_add(blocks),
            };
            (index, level)
        })
        .filter(|(_, level)| *level != Level::default())
        .collect()
}

/// The same by site: what its counters say is live at the end, less what the
/// journal says came and went. Blocks without a stack are their tag's.
fn sites_before(file: &LogFile, ledger: &Ledger, progress: &Progress) -> Result<Levels, Error> {
    let is_whole = !ledger.has_older_blocks(file) && Coverage::of(file, ledger) == Coverage::Whole;
    if is_whole || ledger.sites.count() == 0 {
        return Ok(Levels::new());
    }
    let mut net = Net { sites: Vec::new() };
    journal::replay(file, &ledger.sites, progress, &mut net)?;
    let settled = SiteLedger::settle(ledger, None);
    let live = settled.sites.keys().map(|&site| (site, settled.live(site)));
    let mut before: Levels = live
        .chain(settled.stackless_live(ledger))
        .map(|(site, (bytes, blocks))| (site, Level { bytes, blocks }))
        .collect();
    for (site, net) in (0..).zip(net.sites) {
        let level = before.entry(site).or_default();
        level.bytes = level.bytes.wrapping_sub(net.bytes);
        level.blocks = level.blocks.wrapping_sub(net.blocks);
    }
    Ok(before)
}

/// What came and went of each site.
struct Net {
    sites: Vec<Level>,
}

impl Visitor for Net {
    #[inline]
    fn event(&mut self, event: &Event, _at: &At) -> ControlFlow<()> {
        change_site(&mut self.sites, event);
        ControlFlow::Continue(())
    }
}

fn site_levels(levels: Levels) -> Vec<Level> {
    let end = levels.keys().max().map_or(0, |&site| site as usize + 1);
    let mut sites = vec![Level::default(); end.min(site::COUNT_MAX as usize)];
    for (site, level) in levels {
        if let Some(place) = sites.get_mut(site as usize) {
            *place = level;
        }
    }
    sites
}

/// How much of the journal's time the log covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// There is no journal.
    None,
    /// Every event is there.
    Whole,
    /// A ring overwrote what came first; every later event is there.
    Since,
    /// So many events were dropped.
    Dropped(u64),
}

impl Coverage {
    /// Whether the journal can answer alone.
    pub fn of(file: &LogFile, ledger: &Ledger) -> Self {
        if !ledger.has_journal(file) {
            return Self::None;
        }
        let overwritten = file.process[process::OVERWRITTEN_EVENT_COUNT];
        match ledger.totals().dropped_events() {
            0 => Self::Whole,
            count if count == overwritten => Self::Since,
            count => Self::Dropped(count),
        }
    }
}
