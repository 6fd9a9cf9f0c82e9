//! Writing the figures of a run into a budget file, and leaving all else as it
//! stands there.

use std::collections::BTreeMap;

use scrubjay_suppressions::toml_text::Fault;
use serde::Serialize;
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::read::{LIMIT, PROCESS, TAGS};
use super::{Budget, Figure};
use crate::amount;

/// What a new file begins with.
const BEGINNING: &str = "\
# What a run may take: `scrubjay check LOG --budget THIS-FILE`.
#
# Sizes are bytes, or a text with a unit. Each line may go, or have a tolerance of
# its own: peak = { limit = \"12 MiB\", tolerance = \"10%\" }. With --update the
# figures are written anew; comments stay.
scrubjay-budget = 1
tolerance = \"5%\"
";

/// What a run took, of the process and of each tag: what is to be written.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// In the order of [`Figure::ALL`].
    pub process: [u64; 4],
    pub tags: BTreeMap<String, [u64; 4]>,
}

/// A line that is other than it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Of which tag; `None` for the process.
    pub tag: Option<String>,
    pub figure: Figure,
    /// What it was; `None` for a line that is new.
    pub from: Option<u64>,
    /// What it is; `None` for a line that is gone.
    pub to: Option<u64>,
}

/// A file as it is to be.
#[derive(Clone, Debug)]
pub struct Edited {
    /// All of it.
    pub text: String,
    /// In what it differs from what was there.
    pub changes: Vec<Change>,
    /// Tags that are not in the run, and stay.
    pub kept: Vec<String>,
}

/// Writes figures into a file, or into a new one. Lines that are there get their
/// figure; tags that are not there come last, with all figures. Tags that are not
/// in the run go, unless they are to be kept.
///
/// # Errors
/// Where the text is no budget file.
pub fn edit(text: Option<&str>, figures: &Figures, keep: bool) -> Result<Edited, Fault> {
    let before = text.map(Budget::read).transpose()?.unwrap_or_default();
    let mut document = document(text.unwrap_or(BEGINNING))?;
    if text.is_none() {
        document.insert(PROCESS, Item::Table(table(&figures.process)));
    }
    if let Some(process) = document.get_mut(PROCESS).and_then(Item::as_table_like_mut) {
        update(process, &figures.process);
    }
    let mut tags_table = Table::new();
    tags_table.set_implicit(true);
    let tags = document.entry(TAGS).or_insert(Item::Table(tags_table));
    let mut kept = Vec::new();
    // It was read as a budget, so it is one.
    if let Some(tags) = tags.as_table_like_mut() {
        for (tag, _) in &before.tags {
            match figures.tags.get(tag) {
                Some(figures) => {
                    if let Some(table) = tags.get_mut(tag).and_then(Item::as_table_like_mut) {
                        update(table, figures);
                    }
                }
                None if keep => kept.push(tag.clone()),
                None => drop(tags.remove(tag)),
            }
        }
        let is_new = |tag: &&String| !before.tags.iter().any(|(known, _)| known == *tag);
        for tag in figures.tags.keys().filter(is_new) {
            let item = new_tag(tags, &figures.tags[tag]);
            tags.insert(tag, item);
        }
    }
    let text = document.to_string();
    let changes = changes(&before, &Budget::read(&text)?);
    Ok(Edited { text, changes, kept })
}

fn document(text: &str) -> Result<DocumentMut, Fault> {
    text.parse()
        .map_err(|error: toml_edit::TomlError| Fault { line: 1, what: error.message().to_owned() })
}

/// A table of its own, or one in a line where the others are such.
fn new_tag(tags: &dyn TableLike, figures: &[u64; 4]) -> Item {
    let is_inline = tags.iter().next().is_some_and(|(_, item)| item.is_inline_table());
    let table = table(figures);
    if is_inline { Item::Value(Value::InlineTable(inline(&table))) } else { Item::Table(table) }
}

fn inline(table: &Table) -> InlineTable {
    table.clone().into_inline_table()
}

fn table(figures: &[u64; 4]) -> Table {
    let mut table = Table::new();
    for (figure, &amount) in Figure::ALL.into_iter().zip(figures) {
        table.insert(figure.key(), Item::Value(value(figure, amount, false)));
    }
    table
}

/// Gives the lines of a table their figures.
fn update(table: &mut dyn TableLike, figures: &[u64; 4]) {
    for (figure, &amount) in Figure::ALL.into_iter().zip(figures) {
        let Some(value) = table.get_mut(figure.key()).and_then(Item::as_value_mut) else {
            continue;
        };
        match value.as_inline_table_mut() {
            Some(line) => {
                if let Some(limit) = line.get_mut(LIMIT) {
                    set(limit, figure, amount);
                }
            }
            None => set(value, figure, amount),
        }
    }
}

/// Writes an amount where another one stands, the same way: who has written
/// bytes gets bytes. What says the same already stays as it is written.
fn set(place: &mut Value, figure: Figure, amount: u64) {
    let read = if figure == Figure::Allocations { amount::count } else { amount::size };
    let new = value(figure, amount, place.is_integer());
    let text = |value: &Value| match (value.as_integer(), value.as_str()) {
        (Some(number), _) => number.to_string(),
        (None, text) => text.unwrap_or_default().to_owned(),
    };
    if read(&text(place)) == read(&text(&new)) {
        return;
    }
    let decor = place.decor().clone();
    *place = new;
    *place.decor_mut() = decor;
}

fn value(figure: Figure, amount: u64, to_the_byte: bool) -> Value {
    let size = if figure == Figure::Allocations || to_the_byte {
        None
    } else {
        amount::readable_size(amount)
    };
    match size {
        Some(size) => Value::from(size),
        // Underscores are TOML's, too.
        None => amount::readable_count(amount)
            .parse()
            .unwrap_or_else(|_| Value::from(i64::try_from(amount).unwrap_or(i64::MAX))),
    }
}

/// What the lines of one budget are in another one.
fn changes(before: &Budget, after: &Budget) -> Vec<Change> {
    let find = |budget: &Budget, tag: &Option<String>, figure: Figure| {
        let line = budget.lines.iter().find(|line| line.tag == *tag && line.figure == figure);
        line.map(|line| line.budget)
    };
    let gone = before.lines.iter().filter(|line| find(after, &line.tag, line.figure).is_none());
    let mut changes: Vec<Change> = Vec::new();
    for line in after.lines.iter().chain(gone) {
        let (tag, figure) = (line.tag.clone(), line.figure);
        let (from, to) = (find(before, &tag, figure), find(after, &tag, figure));
        if from != to {
            changes.push(Change { tag, figure, from, to });
        }
    }
    changes
}
