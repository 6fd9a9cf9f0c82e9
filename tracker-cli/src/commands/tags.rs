//! `scrubjay tags`: every tag with its totals, added up along the levels of
//! its name.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use super::Log;
use super::rows::{TagRow, tag_rows};
use super::tree;
use crate::error::Error;
use crate::session::Session;
use crate::text;

#[derive(Serialize)]
struct Tags {
    tags: Vec<TagRow>,
    /// Every name and every level above one, with what is at and below it.
    levels: Vec<Level>,
}

/// A name, or a level of names, with all that is at and below it.
#[derive(Clone, Debug, Default, Serialize)]
struct Level {
    name: String,
    is_tag: bool,
    self_live_bytes: i64,
    live_bytes: i64,
    live_blocks: i64,
    allocated_bytes: u64,
    allocated_blocks: u64,
    wiped_bytes: u64,
    unwiped_bytes: u64,
    /// The tag's own; peaks of different moments do not add up.
    self_peak_bytes: Option<u64>,
    self_peak_at_ns: Option<u64>,
}

/// Answers; the exit code.
pub fn run(log: &Log, mut session: Session<'_>) -> Result<u8, Error> {
    let file = session.open(&log.path)?;
    let ledger = session.ledger(&file)?;
    let rows = tag_rows(&file, &ledger);
    let levels = levels(&rows);
    let answer = Tags { tags: rows, levels };
    if session.is_json() {
        session.json("tags", &file, &answer, &ledger.damages)?;
    } else {
        let titles = ["tag", "live", "with below", "peak", "at", "allocated", "wiped"];
        let mut table = text::Table::new(&titles, session.is_narrow());
        for level in &answer.levels {
            let own = |text: String| if level.is_tag { text } else { "".into() };
            table.row([
                tree::label(&level.name),
                own(text::signed_size(level.self_live_bytes)),
                text::signed_size(level.live_bytes),
                own(level.self_peak_bytes.map_or_else(String::new, text::size)),
                own(level.self_peak_at_ns.map_or_else(String::new, text::time)),
                text::size(level.allocated_bytes),
                text::size(level.wiped_bytes),
            ]);
        }
        session.out.write_notes()?;
        write!(session.out, "{table}")?;
        writeln!(
            session.out,
            "\n  live and peak are a tag's own; the others include what is below it"
        )?;
    }
    session.report(&file, &ledger.damages);
    session.end()
}

/// Adds tags up along the levels of their names; siblings with the most
/// allocated first, each with what is below it behind it.
fn levels(rows: &[TagRow]) -> Vec<Level> {
    let mut levels: BTreeMap<&str, Level> = BTreeMap::new();
    for row in rows {
        for name in tree::levels(&row.tag) {
            let level = levels.entry(name).or_default();
            level.name = name.into();
            level.live_bytes += row.totals.live_bytes;
            level.live_blocks += row.totals.live_blocks;
            level.allocated_bytes = level.allocated_bytes.wrapping_add(row.totals.allocated_bytes);
            level.allocated_blocks =
                level.allocated_blocks.wrapping_add(row.totals.allocated_blocks);
            level.wiped_bytes = level.wiped_bytes.wrapping_add(row.totals.wiped_bytes);
            level.unwiped_bytes = level.unwiped_bytes.wrapping_add(row.totals.unwiped_bytes);
            if name == row.tag {
                level.is_tag = true;
                level.self_live_bytes = row.totals.live_bytes;
                level.self_peak_bytes = Some(row.peak_bytes);
                level.self_peak_at_ns = row.peak_at_ns;
            }
        }
    }
    let weights = rows.iter().map(|row| (&row.tag[..], row.totals.allocated_bytes));
    tree::order(weights).into_iter().filter_map(|name| levels.remove(name)).collect()
}
