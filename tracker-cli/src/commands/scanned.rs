//! What a scan made of the live blocks: lost, growing, kept.

use std::collections::BTreeMap;
use std::io::Write;

use scrubjay_log_format::scan::HeldBy;
use serde::Serialize;

use super::question::Asked;
use super::reading::Reading;
use super::rows::LevelRow;
use super::sites::{Order, SiteArguments, SiteRows};
use crate::analysis::held::{Held, HeldSite, Source};
use crate::analysis::scanned::{Found, Kind};
use crate::error::Error;
use crate::output::Output;
use crate::text;

/// A scan, as it is told.
#[derive(Debug, Serialize)]
pub struct Scanned {
    number: u64,
    at_ns: Option<u64>,
    pause_ns: u64,
    /// How many scans tell of growth; 0 for too few.
    growth_scans: usize,
    threads_stopped: u32,
    threads_running: u32,
    root_bytes: u64,
    block_bytes: u64,
    /// What could make it wrong.
    doubts: Vec<String>,
    lost: Sum,
    growing: Sum,
    kept: Sum,
    groups: Vec<GroupRow>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Sum {
    bytes: i64,
    blocks: i64,
}

#[derive(Debug, Serialize)]
struct GroupRow {
    kind: Kind,
    held_by: &'static str,
    #[serde(skip)]
    words: &'static str,
    bytes: i64,
    blocks: i64,
    #[serde(flatten)]
    sites: SiteRows,
}

/// What holds blocks: for programs, and for people.
fn words(held_by: HeldBy) -> (&'static str, &'static str) {
    match held_by {
        HeldBy::Nothing => ("nothing", "nothing reaches them"),
        HeldBy::Cycle => ("cycle", "only their own cycles reach them"),
        HeldBy::Lost => ("lost", "only lost blocks reach them"),
        HeldBy::Static => ("static", "held by statics"),
        HeldBy::ThreadLocal => ("thread-local", "held by thread-locals"),
        HeldBy::Stack => ("stack", "held by stacks"),
        HeldBy::Elsewhere => ("elsewhere", "held by memory of others"),
        HeldBy::Unknown => ("unknown", "not looked at"),
    }
}

/// What holds blocks, for programs.
pub fn held_by_name(held_by: HeldBy) -> &'static str {
    words(held_by).0
}

impl Sum {
    fn add(&mut self, site: &HeldSite) {
        self.bytes = self.bytes.saturating_add(site.bytes);
        self.blocks = self.blocks.saturating_add(site.blocks);
    }

    fn words(self) -> String {
        let blocks = text::plural(self.blocks.max(0) as u64, "block");
        format!("{} in {blocks}", text::signed_size(self.bytes))
    }
}

impl Found {
    /// What is lost, as if it were all that was live.
    pub fn lost(&self) -> Held {
        let lost = self.groups.iter().filter(|group| group.kind == Kind::Lost);
        let mut sites: BTreeMap<(u32, u32), HeldSite> = BTreeMap::new();
        for site in lost.flat_map(|group| &group.held.sites) {
            match sites.get_mut(&(site.tag, site.stack)) {
                Some(sum) => {
                    sum.merge(site);
                    sum.sites.dedup();
                }
                None => {
                    sites.insert((site.tag, site.stack), site.clone());
                }
            }
        }
        let mut sites: Vec<HeldSite> = sites.into_values().collect();
        sites.sort_by_key(|site| i64::MAX - site.bytes);
        Held { source: Source::Scan, sample_interval: 1, sites, unsettled: Vec::new() }
    }

    /// The tags of what is lost.
    pub fn lost_rows(&self, asked: &Asked) -> Vec<LevelRow> {
        let mut tags: BTreeMap<u32, Sum> = BTreeMap::new();
        for site in &self.lost().sites {
            tags.entry(site.tag).or_default().add(site);
        }
        let row = |(tag, sum): (u32, Sum)| LevelRow {
            tag: asked.ledger.name(tag),
            bytes: sum.bytes,
            blocks: Some(sum.blocks),
        };
        let mut rows: Vec<LevelRow> = tags.into_iter().map(row).collect();
        rows.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.tag.cmp(&b.tag)));
        rows
    }

    /// Without these sites.
    pub fn retain(&mut self, stays: impl Fn(&HeldSite) -> bool) {
        self.groups.iter_mut().for_each(|group| group.held.sites.retain(&stays));
        self.groups.retain(|group| !group.held.sites.is_empty());
    }
}

impl Scanned {
    /// What a scan found, of the tag asked for or of all.
    pub fn new(found: &Found, asked: &Asked, arguments: &SiteArguments, reading: &Reading) -> Self {
        let mut sums = [Sum::default(); 3];
        let mut groups = Vec::new();
        for group in &found.groups {
            let mut sum = Sum::default();
            group.held.of_tag(asked.tag).iter().for_each(|site| sum.add(site));
            if sum.blocks == 0 {
                continue;
            }
            let all = &mut sums[group.kind as usize];
            group.held.of_tag(asked.tag).iter().for_each(|site| all.add(site));
            let (held_by, words) = words(group.held_by);
            let order = Order::Bytes;
            let sites = SiteRows::read(&group.held, asked, asked.tag, order, arguments, reading);
            let Sum { bytes, blocks } = sum;
            groups.push(GroupRow { kind: group.kind, held_by, words, bytes, blocks, sites });
        }
        let [lost, growing, kept] = sums;
        let scan = &found.scan;
        Self {
            number: scan.number,
            at_ns: asked.clock.ns(scan.ticks),
            pause_ns: scan.pause_ns,
            growth_scans: found.growth_scans,
            threads_stopped: scan.stopped_count,
            threads_running: scan.running_count,
            root_bytes: scan.root_bytes,
            block_bytes: scan.block_bytes,
            doubts: found.doubts(),
            lost,
            growing,
            kept,
            groups,
        }
    }

    /// Which scan it is.
    pub fn title(&self) -> String {
        let at = self.at_ns.map_or_else(String::new, |ns| format!(" at {}", text::time(ns)));
        format!("scan {}{at}", self.number)
    }

    /// Writes what is lost, grows and is kept, the first two by site.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, out: &mut Output, is_narrow: bool) -> Result<(), Error> {
        writeln!(out, "\n{}", text::heading(&format!("Held, by {}", self.title())))?;
        writeln!(out, "  lost     {}", self.lost.words())?;
        match self.growth_scans {
            0 => writeln!(out, "  growing  not known before the third scan")?,
            scans => {
                let growing = self.growing.words();
                writeln!(out, "  growing  {growing}, from each to the next of {scans} scans")?;
            }
        }
        writeln!(out, "  kept     {}", self.kept.words())?;
        for group in self.groups.iter().filter(|group| group.kind == Kind::Kept) {
            let GroupRow { words, bytes, blocks, .. } = *group;
            writeln!(out, "    {words}: {}", Sum { bytes, blocks }.words())?;
        }
        self.write_pause(out)?;
        for group in self.groups.iter().filter(|group| group.kind != Kind::Kept) {
            let kind = if group.kind == Kind::Lost { "Lost" } else { "Growing" };
            group.sites.write(out, &format!("{kind}, {},", group.words), is_narrow)?;
        }
        Ok(())
    }

    /// Writes what it took, and what could make it wrong.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write_pause(&self, out: &mut Output) -> Result<(), Error> {
        let threads = text::plural(self.threads_stopped.into(), "thread");
        let pause = text::time(self.pause_ns);
        let searched = text::size(self.root_bytes.saturating_add(self.block_bytes));
        writeln!(out, "  ({threads} stood still for {pause}; {searched} were searched)")?;
        for doubt in &self.doubts {
            writeln!(out, "  ({doubt})")?;
        }
        Ok(())
    }
}
