//! Rows that more than one command shows.

use std::io::Write;

use scrubjay_log_format::{TagClass, WipeRequest, cell, tag};
use serde::Serialize;

use super::question::{Asked, BlockArguments, Sort};
use crate::analysis::clock::Clock;
use crate::analysis::file::LogFile;
use crate::analysis::frames::Frame;
use crate::analysis::ledger::Ledger;
use crate::analysis::live::Block;
use crate::analysis::peak::{self, Levels};
use crate::analysis::tag_sums::{Tag, unaccounted};
use crate::error::Error;
use crate::output::Output;
use crate::text;

/// Counters of one tag, or of several together.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Totals {
    pub live_bytes: i64,
    pub live_blocks: i64,
    pub allocated_bytes: u64,
    pub allocated_blocks: u64,
    pub freed_bytes: u64,
    pub freed_blocks: u64,
    pub inherited_bytes: u64,
    pub inherited_blocks: u64,
    pub realloc_in_place: u64,
    pub realloc_moved: u64,
    pub copied_bytes: u64,
    pub failed_count: u64,
    pub failed_bytes: u64,
    pub wiped_bytes: u64,
    pub returned_bytes: u64,
    pub carried_bytes: u64,
    pub unwiped_bytes: u64,
    /// Freed and, at the log's last moment, not yet counted as any of these.
    pub in_flight_bytes: i64,
    pub dropped_events: u64,
}

impl Totals {
    /// The counters of a tag.
    pub fn new(tag: &Tag) -> Self {
        let sums = &tag.sums;
        Self {
            live_bytes: tag.live_bytes(),
            live_blocks: tag.live_blocks(),
            allocated_bytes: sums[cell::ALLOCATED_BYTES],
            allocated_blocks: sums[cell::ALLOCATED_BLOCKS],
            freed_bytes: sums[cell::FREED_BYTES],
            freed_blocks: sums[cell::FREED_BLOCKS],
            inherited_bytes: tag.totals[tag::INHERITED_BYTES],
            inherited_blocks: tag.totals[tag::INHERITED_BLOCKS],
            realloc_in_place: sums[cell::REALLOC_IN_PLACE],
            realloc_moved: sums[cell::REALLOC_MOVED],
            copied_bytes: sums[cell::COPIED_BYTES],
            failed_count: sums[cell::FAILED_COUNT],
            failed_bytes: sums[cell::FAILED_BYTES],
            wiped_bytes: sums[cell::WIPED_BYTES],
            returned_bytes: sums[cell::RETURNED_BYTES],
            carried_bytes: sums[cell::CARRIED_BYTES],
            unwiped_bytes: sums[cell::UNWIPED_BYTES],
            in_flight_bytes: unaccounted(sums),
            dropped_events: tag.dropped_events(),
        }
    }
}

/// A tag with its counters.
#[derive(Clone, Debug, Serialize)]
pub struct TagRow {
    pub tag: String,
    pub class: &'static str,
    pub wipe: bool,
    pub greatest_age_ms: Option<u64>,
    pub peak_bytes: u64,
    pub peak_at_ns: Option<u64>,
    pub peak_bound_bytes: u64,
    #[serde(flatten)]
    pub totals: Totals,
}

/// The tags of a log, those with the greatest peak first.
pub fn tag_rows(file: &LogFile, ledger: &Ledger) -> Vec<TagRow> {
    let clock = Clock::new(file);
    let mut rows: Vec<TagRow> = ledger
        .known()
        .map(|(index, tag)| {
            let declared = tag.declaration.as_ref();
            let peak_ticks = tag.totals[tag::PEAK_TICKS];
            TagRow {
                tag: ledger.name(index),
                class: declared.map_or("unknown", |declared| class_name(declared.class)),
                wipe: declared.is_some_and(|declared| declared.wipe),
                greatest_age_ms: declared
                    .map(|declared| declared.greatest_age_ms)
                    .filter(|&age| age > 0),
                peak_bytes: tag.peak_bytes(),
                peak_at_ns: (peak_ticks > 0).then(|| clock.ns(peak_ticks)).flatten(),
                peak_bound_bytes: peak::tag_bound(file, ledger, index),
                totals: Totals::new(tag),
            }
        })
        .collect();
    rows.sort_by(|a, b| b.peak_bytes.cmp(&a.peak_bytes).then_with(|| a.tag.cmp(&b.tag)));
    rows
}

/// A class's name.
pub fn class_name(class: TagClass) -> &'static str {
    match class {
        TagClass::Public => "public",
        TagClass::Secret => "secret",
    }
}

/// What a tag asked for.
pub fn request_name(request: WipeRequest) -> &'static str {
    match request {
        WipeRequest::None => "none",
        WipeRequest::Wipe => "wipe",
        WipeRequest::Spare => "spare",
    }
}

/// What was live of a tag at a moment.
#[derive(Clone, Debug, Serialize)]
pub struct LevelRow {
    pub tag: String,
    pub bytes: i64,
    /// Unknown where frames tell the bytes.
    pub blocks: Option<i64>,
}

/// The greatest first.
fn sort_levels(rows: &mut [LevelRow]) {
    rows.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.tag.cmp(&b.tag)));
}

/// Draws levels as a table with each tag's part of the whole.
pub fn level_table(rows: &[LevelRow], is_narrow: bool) -> text::Table {
    let whole = rows.iter().map(|row| row.bytes).sum();
    let has_blocks = rows.iter().any(|row| row.blocks.is_some());
    let titles: &[&str] =
        if has_blocks { &["tag", "live", "part", "blocks"] } else { &["tag", "live", "part"] };
    let mut table = text::Table::new(titles, is_narrow);
    for row in rows {
        let mut cells =
            vec![row.tag.clone(), text::signed_size(row.bytes), text::percent(row.bytes, whole)];
        if has_blocks {
            cells.push(row.blocks.map_or_else(String::new, text::signed_count));
        }
        table.row(cells);
    }
    table
}

/// One live block.
#[derive(Clone, Debug, Serialize)]
pub struct BlockRow {
    #[serde(serialize_with = "as_hexadecimal")]
    pub address: u64,
    pub size_bytes: u64,
    pub tag: String,
    pub age_ns: Option<u64>,
}

/// An address as JSON has it.
///
/// # Errors
/// The serializer's.
pub fn as_hexadecimal<S: serde::Serializer>(address: &u64, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(&format_args!("{address:#x}"))
}

/// The blocks of one tag or of all, in the order asked for.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BlockRows {
    pub block_count: u64,
    pub blocks: Vec<BlockRow>,
}

impl BlockRows {
    /// Lists `blocks` as they were at a moment.
    pub fn new(
        mut blocks: Vec<(u64, Block)>,
        now_ticks: u64,
        arguments: BlockArguments,
        asked: &Asked,
    ) -> Self {
        blocks.retain(|(_, block)| {
            asked.tag.is_none_or(|tag| tag == asked.ledger.sites.tag(block.site()))
        });
        match arguments.sort {
            Sort::Size => {
                blocks.sort_by_key(|&(address, block)| (u64::MAX - block.size(), address))
            }
            Sort::Address => blocks.sort_by_key(|&(address, _)| address),
            Sort::Age => blocks.sort_by_key(|&(address, block)| (block.birth_ticks(), address)),
        }
        let block_count = blocks.len() as u64;
        blocks.truncate(arguments.limit.unwrap_or(usize::MAX));
        let rows = blocks.into_iter().map(|(address, block)| BlockRow {
            address,
            size_bytes: block.size(),
            tag: asked.ledger.name(asked.ledger.sites.tag(block.site())),
            age_ns: asked.clock.span_ns(now_ticks.saturating_sub(block.birth_ticks())),
        });
        Self { block_count, blocks: rows.collect() }
    }

    /// Writes how many there are and whence, then a block a line.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, out: &mut Output, whence: &str, is_narrow: bool) -> Result<(), Error> {
        let title = format!("{}{whence}", text::plural(self.block_count, "block"));
        writeln!(out, "\n{}", text::heading(&title))?;
        if self.block_count == 0 {
            return Ok(());
        }
        writeln!(out, "  {:>14}  {:>17}  {:>12}  tag", "address", "size in bytes", "age")?;
        for row in &self.blocks {
            let age = row.age_ns.map_or_else(|| "unknown".into(), text::time);
            let size = text::count(row.size_bytes);
            let tag = if is_narrow { text::elide(&row.tag, 29) } else { row.tag.clone() };
            writeln!(out, "  {:>#14x}  {size:>17}  {age:>12}  {tag}", row.address)?;
            if out.is_closed() {
                return Ok(());
            }
        }
        let rest = self.block_count - self.blocks.len() as u64;
        if rest > 0 {
            writeln!(out, "  and {} more", text::plural(rest, "block"))?;
        }
        Ok(())
    }
}

/// What was live at the end of each tag, from the ledger.
pub fn live_rows(ledger: &Ledger) -> Vec<LevelRow> {
    let mut rows: Vec<LevelRow> = ledger
        .known()
        .map(|(index, tag)| LevelRow {
            tag: ledger.name(index),
            bytes: tag.live_bytes(),
            blocks: Some(tag.live_blocks()),
        })
        .filter(|row| row.bytes != 0 || row.blocks != Some(0))
        .collect();
    sort_levels(&mut rows);
    rows
}

/// The tags of a frame.
pub fn frame_rows(ledger: &Ledger, frame: &Frame<'_>) -> Vec<LevelRow> {
    let rows = ledger.known().map(|(index, _)| LevelRow {
        tag: ledger.name(index),
        bytes: frame.tag_bytes(index) as i64,
        blocks: None,
    });
    let mut rows: Vec<LevelRow> = rows.filter(|row| row.bytes > 0).collect();
    sort_levels(&mut rows);
    rows
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
