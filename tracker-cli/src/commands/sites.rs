//! The sites that held the memory: how much each, how that is known, and the
//! stack that it came by.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use super::question::Asked;
use super::reading::Reading;
use super::symbols::SymbolArguments;
use crate::analysis::damage::Damages;
use crate::analysis::estimate::Estimate;
use crate::analysis::held::{Held, HeldSite, sort_by_blocks};
use crate::analysis::symbols::{Frame, Missing, fold};
use crate::error::Error;
use crate::output::Output;
use crate::session::Session;
use crate::text;

/// How sites are shown.
#[derive(Debug, Args)]
pub struct SiteArguments {
    /// Name no more sites than this; the rest is counted
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub top: usize,
    /// Show no more frames of a stack than this
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    pub frames: usize,
    /// Show the frames of the allocator and of the standard library, too, and
    /// stacks that differ in these alone each by itself
    #[arg(long)]
    pub all_frames: bool,
    #[command(flatten)]
    pub symbols: SymbolArguments,
}

/// Which sites come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Those with the most bytes.
    Bytes,
    /// Those with the most blocks.
    Blocks,
}

/// The sites, the greatest first.
#[derive(Debug, Serialize)]
pub struct SiteRows {
    #[serde(skip)]
    order: Order,
    /// "journal", "counters", "samples", or "none".
    sites_source: &'static str,
    /// The same as words; for "none" why.
    sites_are: &'static str,
    /// When they were noted, where that is another moment than that asked for.
    sites_at_ns: Option<u64>,
    site_count: u64,
    /// All of them together.
    sites_bytes: Figure,
    sites_blocks: Figure,
    sites: Vec<SiteRow>,
    /// Those that are not named.
    more_sites: More,
    missing_symbols: Vec<Missing>,
}

/// A figure of one site or of several.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figure {
    pub value: i64,
    /// The 95 % interval of an estimate; null where the figure is exact.
    pub low: Option<u64>,
    pub high: Option<u64>,
}

#[derive(Debug, Serialize)]
struct SiteRow {
    tag: String,
    sites: Vec<u32>,
    bytes: Figure,
    blocks: Figure,
    /// Blocks of a sample that the figures stand on; null where none is.
    samples: Option<u64>,
    /// The stack is longer than the log keeps.
    is_truncated: bool,
    /// Nobody could tell who called the outermost frame.
    is_lost: bool,
    frames: Vec<FrameRow>,
    /// Frames of the allocator and of the standard library that are left out.
    frames_folded: u64,
    /// Frames beyond those asked for.
    frames_cut: u64,
}

#[derive(Debug, Serialize)]
struct More {
    count: u64,
    bytes: Figure,
    blocks: Figure,
}

#[derive(Debug, Serialize)]
struct FrameRow {
    #[serde(serialize_with = "super::rows::as_hexadecimal")]
    address: u64,
    function: Option<String>,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    is_inlined: bool,
    module: Option<String>,
    #[serde(serialize_with = "super::rows::as_hexadecimal")]
    module_address: u64,
    #[serde(skip)]
    text: String,
}

impl SiteRows {
    /// What was held, by site, of the tag asked for or of all; with the symbols
    /// of those that are named.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub fn new(
        held: &Held,
        asked: &Asked,
        arguments: &SiteArguments,
        session: &mut Session<'_>,
        damages: &mut Damages,
    ) -> Result<Self, Error> {
        let sites = held.of_tag(asked.tag);
        // Which stacks read alike is known of all, or those that are named are
        // not the greatest.
        let read_count = if arguments.all_frames { arguments.top } else { sites.len() };
        let read = sites.into_iter().take(read_count);
        let reading = Reading::new(asked, read, &arguments.symbols, session, damages)?;
        for line in &held.unsettled {
            session.say(line);
        }
        Ok(Self::read(held, asked, asked.tag, Order::Bytes, arguments, &reading))
    }

    /// The same of any tag, from stacks that are read already.
    pub fn read(
        held: &Held,
        asked: &Asked,
        tag: Option<u32>,
        order: Order,
        arguments: &SiteArguments,
        reading: &Reading,
    ) -> Self {
        let mut all = held.of_tag(tag);
        let mut rows;
        if !arguments.all_frames {
            rows = reading.together(&all);
            if order == Order::Blocks {
                sort_by_blocks(&mut rows);
            }
            all = rows.iter().collect();
        }
        let (named, rest) = all.split_at(all.len().min(arguments.top));
        let rows = named
            .iter()
            .map(|site| SiteRow::new(site, &reading.frames(site), held, asked, arguments));
        let figure = |sites: &[&HeldSite]| {
            let sum = HeldSite::sum(sites.iter().copied());
            (Figure::bytes(&sum, held), Figure::blocks(&sum))
        };
        let (whole, more) = (figure(&all), figure(rest));
        Self {
            order,
            sites_source: held.source.name(),
            sites_are: held.source.words(),
            sites_at_ns: None,
            site_count: all.len() as u64,
            sites_bytes: whole.0,
            sites_blocks: whole.1,
            sites: rows.collect(),
            more_sites: More { count: rest.len() as u64, bytes: more.0, blocks: more.1 },
            missing_symbols: reading.symbols().missing().to_vec(),
        }
    }

    /// The same, noted at another moment.
    pub fn noted_at(self, ns: Option<u64>) -> Self {
        Self { sites_at_ns: ns, ..self }
    }

    /// Writes them under a heading, each with its stack.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, out: &mut Output, what: &str, is_narrow: bool) -> Result<(), Error> {
        if self.sites_source == "none" {
            writeln!(out, "\n  By site: {}", self.sites_are)?;
            return Ok(());
        }
        let title = format!("{what} by site, {}{}", self.sites_are, self.noted());
        writeln!(out, "\n{}", text::heading(&title))?;
        self.write_rows(out, is_narrow)
    }

    /// Writes them within a paragraph about something else.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write_within(&self, out: &mut Output, what: &str, is_narrow: bool) -> Result<(), Error> {
        if self.sites_source == "none" {
            writeln!(out, "  By site: {}", self.sites_are)?;
            return Ok(());
        }
        writeln!(out, "  {what} by site, {}{}:", self.sites_are, self.noted())?;
        self.write_rows(out, is_narrow)
    }

    fn noted(&self) -> String {
        let noted = |ns| format!(", as noted at {}", text::time(ns));
        self.sites_at_ns.map_or_else(String::new, noted)
    }

    fn write_rows(&self, out: &mut Output, is_narrow: bool) -> Result<(), Error> {
        if self.site_count == 0 {
            writeln!(out, "  nothing")?;
            return Ok(());
        }
        let fit = |line: String| if is_narrow { text::elide(&line, text::WIDTH) } else { line };
        for row in &self.sites {
            let part = match self.order {
                Order::Bytes => text::percent(row.bytes.value, self.sites_bytes.value),
                Order::Blocks => text::percent(row.blocks.value, self.sites_blocks.value),
            };
            let (bytes, blocks) = (row.bytes.size(), row.blocks.count());
            let samples = row.samples.map_or_else(String::new, |samples| {
                format!(", from {}", text::plural(samples, "sample"))
            });
            // An interval takes a line of its own.
            if row.bytes.low.is_some() {
                writeln!(out, "{}", fit(format!("  {bytes}, {part}  {}", row.tag)))?;
                writeln!(out, "    in {blocks}{samples}")?;
            } else {
                writeln!(out, "{}", fit(format!("  {bytes} in {blocks}, {part}  {}", row.tag)))?;
            }
            if row.frames.is_empty() {
                writeln!(out, "      (no stack)")?;
            }
            for frame in &row.frames {
                writeln!(out, "{}", fit(format!("      {}", frame.text)))?;
            }
            let more = match row.frames_cut {
                0 => None,
                count => Some(format!("and {} more", text::plural(count, "frame"))),
            };
            let cut = row.is_truncated.then(|| "the log keeps no more of this stack".to_owned());
            let lost = row.is_lost.then(|| "the stack's beginning is not known".to_owned());
            let remarks: Vec<String> = more.into_iter().chain(cut).chain(lost).collect();
            if !remarks.is_empty() {
                writeln!(out, "      … {}", remarks.join("; "))?;
            }
            if out.is_closed() {
                return Ok(());
            }
        }
        if self.more_sites.count > 0 {
            let More { count, bytes, blocks } = &self.more_sites;
            let sites = text::plural(*count, "site");
            writeln!(out, "  and {sites} more: {} in {}", bytes.size(), blocks.count())?;
        }
        if self.sites_source == "samples" {
            writeln!(
                out,
                "  together {} in {}",
                self.sites_bytes.size(),
                self.sites_blocks.count()
            )?;
            writeln!(out, "  (intervals of blocks take a site's blocks for alike in size)")?;
        }
        Ok(())
    }
}

impl SiteRow {
    fn new(
        site: &HeldSite,
        frames: &[&Frame],
        held: &Held,
        asked: &Asked,
        arguments: &SiteArguments,
    ) -> Self {
        let shown = if arguments.all_frames {
            frames.to_vec()
        } else {
            fold::folded(frames.iter().copied())
        };
        let rows: Vec<FrameRow> =
            shown.iter().take(arguments.frames).map(|frame| FrameRow::new(frame)).collect();
        Self {
            tag: asked.ledger.name(site.tag),
            sites: site.sites.clone(),
            bytes: Figure::bytes(site, held),
            blocks: Figure::blocks(site),
            samples: site.sample.map(|it| it.live.count as u64).filter(|&count| count > 0),
            is_truncated: site.is_truncated,
            is_lost: site.is_lost,
            frames_folded: (frames.len() - shown.len()) as u64,
            frames_cut: (shown.len() - rows.len()) as u64,
            frames: rows,
        }
    }
}

impl FrameRow {
    fn new(frame: &Frame) -> Self {
        let text = |text: &Option<std::sync::Arc<str>>| text.as_ref().map(|text| text.to_string());
        Self {
            address: frame.address,
            function: text(&frame.code.function),
            file: text(&frame.code.file),
            line: frame.code.line,
            column: frame.code.column,
            is_inlined: frame.code.is_inlined,
            module: text(&frame.module),
            module_address: frame.module_address,
            text: frame.to_string(),
        }
    }
}

impl Figure {
    /// The bytes of a site, or of several together.
    pub fn bytes(site: &HeldSite, held: &Held) -> Self {
        Self::new(site.bytes, site.estimated_bytes(held.sample_interval))
    }

    /// Its blocks.
    pub fn blocks(site: &HeldSite) -> Self {
        Self::new(site.blocks, site.estimated_blocks())
    }

    fn new(exact: i64, estimate: Option<Estimate>) -> Self {
        let Some(estimate) = estimate else { return Self { value: exact, low: None, high: None } };
        let Estimate { value, low, high } = estimate.plus(exact.max(0) as u64);
        Self { value: value as i64, low: Some(low), high: Some(high) }
    }

    /// What is left of a whole without this. An estimate may be more than there
    /// is, but no less is left than nothing.
    pub fn rest_of(&self, whole: i64) -> Self {
        let value = whole.wrapping_sub(self.value);
        let (Some(low), Some(high)) = (self.low, self.high) else {
            return Self { value, low: None, high: None };
        };
        let rest = |part: u64| whole.saturating_sub_unsigned(part).max(0) as u64;
        Self { value: value.max(0), low: Some(rest(high)), high: Some(rest(low)) }
    }

    /// The least and the most that it may be.
    pub fn range(&self) -> (i64, i64) {
        let bound = |bound: Option<u64>| bound.map_or(self.value, |bound| bound as i64);
        (bound(self.low), bound(self.high))
    }

    /// It as bytes.
    pub fn size(&self) -> String {
        let value = text::signed_size(self.value);
        match (self.low, self.high) {
            (Some(low), Some(high)) => {
                format!("{value} ({} to {})", text::size(low), text::size(high))
            }
            _ => value,
        }
    }

    /// It as blocks.
    pub fn count(&self) -> String {
        let value = text::signed_count(self.value);
        let noun = if self.value == 1 { "block" } else { "blocks" };
        match (self.low, self.high) {
            (Some(low), Some(high)) => {
                format!("{value} ({} to {}) {noun}", text::count(low), text::count(high))
            }
            _ => format!("{value} {noun}"),
        }
    }
}
