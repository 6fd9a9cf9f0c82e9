//! What a scan found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use scrubjay_log_format::scan::Row;

use crate::leak_check::symbols;
use crate::leak_check::{Frame, HeldBy};
use crate::{clock, own, site, tag};

/// Blocks of one site that are held in one way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HeldSite {
    /// What holds them.
    pub held_by: HeldBy,
    /// Their tag.
    pub tag: &'static str,
    /// Bytes, as the program asked for them.
    pub bytes: u64,
    /// Blocks.
    pub blocks: u64,
    /// How long ago the oldest of them was allocated.
    pub age: Duration,
    site: u32,
}

/// What of one tag is held in which way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HeldTag {
    /// The tag.
    pub tag: &'static str,
    /// Bytes and blocks.
    sums: BTreeMap<HeldBy, (u64, u64)>,
}

/// Lost cycles whose members come from the same sites.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HeldCycle {
    /// How many of them there are.
    pub count: u64,
    /// Their members, all together.
    pub blocks: u64,
    /// The members' bytes.
    pub bytes: u64,
    /// In an order in which they hold each other where it is a plain ring.
    sites: Vec<u32>,
}

/// What holds each live block, at one moment; the allocator's own left out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScanReport {
    /// Its number in the log, from 1; `None` where that had no room.
    pub number: Option<u64>,
    /// Bytes of all blocks.
    pub bytes: u64,
    /// All blocks.
    pub blocks: u64,
    /// By site and by what holds them, those with the most bytes first.
    pub sites: Vec<HeldSite>,
    /// By tag, those with the most bytes first.
    pub tags: Vec<HeldTag>,
    /// Groups of lost blocks that hold each other, those with the most bytes first.
    pub cycles: Vec<HeldCycle>,
    /// Threads that stood still, but for the one that asked.
    pub threads_stopped: u32,
    /// Threads that went on.
    pub threads_running: u32,
    /// Bytes outside of blocks that were searched.
    pub root_bytes: u64,
    /// Bytes of blocks that were searched.
    pub block_bytes: u64,
    /// Bytes that could not be read.
    pub unreadable_bytes: u64,
    /// How long the other threads stood still.
    pub pause: Duration,
    /// How long all of it took.
    pub took: Duration,
    /// What could make it wrong.
    pub doubts: Vec<String>,
}

/// How many places, cycles and tags are shown.
const SHOWN_MAX: usize = 10;

impl HeldSite {
    pub(super) fn new(row: &Row) -> Self {
        let Row { site, bytes, blocks, born_ticks, .. } = *row;
        let (held_by, tag) = (row.held_by.into(), tag::name_or_unknown(site::tag_of(site)));
        Self { held_by, tag, bytes, blocks, age: clock::since(born_ticks), site }
    }

    /// The stack that they came by, innermost frame first; empty without
    /// [`crate::Config::stacks`]. The first call of all reads the program's symbols,
    /// which may take a second; a log tells the same without it.
    pub fn frames(&self) -> Vec<Frame> {
        frames(self.site)
    }

    /// Whether nothing reaches them.
    pub fn is_lost(&self) -> bool {
        self.held_by.is_lost()
    }
}

impl HeldTag {
    pub(super) fn new(tag: &'static str) -> Self {
        Self { tag, sums: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, row: &Row) {
        let sum = self.sums.entry(row.held_by.into()).or_default();
        *sum = (sum.0 + row.bytes, sum.1 + row.blocks);
    }

    /// Bytes and blocks that are held in this way.
    pub fn held(&self, held_by: HeldBy) -> (u64, u64) {
        self.sums.get(&held_by).copied().unwrap_or_default()
    }

    /// All bytes.
    pub fn bytes(&self) -> u64 {
        self.sums.values().map(|sum| sum.0).sum()
    }

    /// Bytes and blocks that are lost.
    pub fn lost(&self) -> (u64, u64) {
        let lost = self.sums.iter().filter(|(held_by, _)| held_by.is_lost());
        lost.fold((0, 0), |sum, (_, more)| (sum.0 + more.0, sum.1 + more.1))
    }
}

impl HeldCycle {
    pub(super) fn new(sites: &[u32]) -> Self {
        Self { count: 0, blocks: 0, bytes: 0, sites: sites.to_vec() }
    }

    pub(super) fn add(&mut self, blocks: u64, bytes: u64) {
        self.count += 1;
        self.blocks += blocks;
        self.bytes += bytes;
    }

    /// Where each member of one came from: its tag, and its stack as
    /// [`HeldSite::frames`] has it. The first 16 where there are more.
    pub fn members(&self) -> impl Iterator<Item = (&'static str, Vec<Frame>)> + '_ {
        self.sites.iter().map(|&site| (tag::name_or_unknown(site::tag_of(site)), frames(site)))
    }
}

impl ScanReport {
    /// What nothing reaches any more, by site.
    pub fn lost(&self) -> impl Iterator<Item = &HeldSite> {
        self.sites.iter().filter(|site| site.is_lost())
    }

    /// Bytes that nothing reaches any more.
    pub fn lost_bytes(&self) -> u64 {
        self.lost().map(|site| site.bytes).sum()
    }

    /// Blocks that nothing reaches any more.
    pub fn lost_blocks(&self) -> u64 {
        self.lost().map(|site| site.blocks).sum()
    }

    /// Lost sites with stacks that read alike as one, the largest first.
    fn lost_places(&self) -> Vec<HeldSite> {
        let mut places: BTreeMap<(u64, HeldBy), HeldSite> = BTreeMap::new();
        for site in self.lost() {
            let place = own::account(|| symbols::place(site.site));
            match places.get_mut(&(place, site.held_by)) {
                Some(sum) => {
                    sum.bytes += site.bytes;
                    sum.blocks += site.blocks;
                    sum.age = sum.age.max(site.age);
                }
                None => {
                    places.insert((place, site.held_by), site.clone());
                }
            }
        }
        let mut places: Vec<HeldSite> = places.into_values().collect();
        places.sort_by_key(|site| (u64::MAX - site.bytes, site.held_by, site.site));
        places
    }
}

fn frames(site: u32) -> Vec<Frame> {
    own::account(|| symbols::of(site, <[Frame]>::to_vec))
}

/// Figures of one way, or of one tag.
fn figures((bytes, blocks): (u64, u64)) -> String {
    let noun = if blocks == 1 { "block" } else { "blocks" };
    format!("{bytes} bytes in {blocks} {noun}")
}

/// `… and 3 of them more`, where there are.
fn rest(out: &mut fmt::Formatter<'_>, all: usize, noun: &str) -> fmt::Result {
    match all.saturating_sub(SHOWN_MAX) {
        0 => Ok(()),
        rest => writeln!(out, "  … and {rest} {noun} more"),
    }
}

impl fmt::Display for ScanReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(out, "scan {number}: ")?,
            None => out.write_str("a scan: ")?,
        }
        let live = figures((self.bytes, self.blocks));
        match self.lost_blocks() {
            0 => writeln!(out, "{live}, and nothing is lost")?,
            blocks => {
                writeln!(out, "{live}, of which {} are lost", figures((self.lost_bytes(), blocks)))?
            }
        }
        let mut ways: BTreeMap<HeldBy, (u64, u64)> = BTreeMap::new();
        for site in &self.sites {
            let sum = ways.entry(site.held_by).or_default();
            *sum = (sum.0 + site.bytes, sum.1 + site.blocks);
        }
        for (held_by, sum) in ways {
            writeln!(out, "  {held_by:<29} {}", figures(sum))?;
        }
        let places = self.lost_places();
        if !places.is_empty() {
            writeln!(out, "lost")?;
        }
        for site in places.iter().take(SHOWN_MAX) {
            let HeldSite { held_by, tag, age, .. } = site;
            let figures = figures((site.bytes, site.blocks));
            writeln!(out, "  {figures}, {held_by}; tag {tag}, {age:.1?} old")?;
            symbols::show(&site.frames(), out)?;
        }
        rest(out, places.len(), "sites")?;
        for cycle in self.cycles.iter().take(SHOWN_MAX) {
            cycle.fmt(out)?;
        }
        rest(out, self.cycles.len(), "kinds of cycles")?;
        if self.tags.len() > 1 {
            writeln!(out, "by tag")?;
        }
        for tag in self.tags.iter().take(SHOWN_MAX).filter(|_| self.tags.len() > 1) {
            write!(out, "  {:<29} {} bytes", tag.tag, tag.bytes())?;
            match tag.lost() {
                (_, 0) => writeln!(out)?,
                lost => writeln!(out, ", {} lost", figures(lost))?,
            }
        }
        rest(out, self.tags.len(), "tags")?;
        write!(
            out,
            "{} threads stood still for {:.1?} of {:.1?}; {} bytes of roots and {} of blocks were \
             searched",
            self.threads_stopped, self.pause, self.took, self.root_bytes, self.block_bytes
        )?;
        for doubt in &self.doubts {
            write!(out, "\n{doubt}")?;
        }
        Ok(())
    }
}

impl fmt::Display for HeldCycle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.count == 1 { "cycle" } else { "cycles" };
        writeln!(out, "  {} {noun}, {}", self.count, figures((self.bytes, self.blocks)))?;
        for (at, (tag, frames)) in self.members().enumerate() {
            let arrow = if at == 0 { "┌▶" } else { "│ " };
            match frames.iter().find(|frame| !frame.is_library()) {
                Some(frame) => writeln!(out, "    {arrow} {frame}")?,
                None => writeln!(out, "    {arrow} tag {tag}")?,
            }
        }
        writeln!(out, "    └─")
    }
}
