//! Sizes, counts, times and tables as people read them.

use std::fmt;

use bytesize::ByteSize;
use comfy_table::{CellAlignment, ContentArrangement};
use owo_colors::OwoColorize;

/// Columns of a terminal that every answer fits.
pub const WIDTH: usize = 80;

/// A size in IEC units.
pub fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// A size that may be below zero.
pub fn signed_size(bytes: i64) -> String {
    let sign = if bytes < 0 { "-" } else { "" };
    format!("{sign}{}", size(bytes.unsigned_abs()))
}

/// A count, its thousands apart.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count that may be below zero.
pub fn signed_count(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", count(number.unsigned_abs()))
}

/// "1 block", "2 blocks".
pub fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A time span.
pub fn time(ns: u64) -> String {
    let seconds = ns as f64 / 1e9;
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.0} µs", ns as f64 / 1e3),
        10_000_000..1_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        1_000_000_000..120_000_000_000 => format!("{seconds:.3} s"),
        120_000_000_000..7_200_000_000_000 => {
            format!("{:.0} min {:.0} s", (seconds / 60.0).floor(), (seconds % 60.0).floor())
        }
        _ => {
            let minutes = (seconds / 60.0).floor();
            format!("{:.0} h {:.0} min", (minutes / 60.0).floor(), minutes % 60.0)
        }
    }
}

/// A moment since the start, or that it is not known.
pub fn moment(ns: Option<u64>) -> String {
    ns.map_or_else(|| "an unknown time".into(), time)
}

/// A part of a whole in percent.
pub fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 { "".into() } else { format!("{:.1} %", part as f64 * 100.0 / whole as f64) }
}

/// A heading.
pub fn heading(title: &str) -> String {
    title.bold().to_string()
}

/// A name cut in its middle to so many characters.
pub fn elide(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.into();
    }
    let kept = width.saturating_sub(1);
    let front: String = name.chars().take(kept / 2).collect();
    let back: String = name.chars().skip(length - (kept - kept / 2)).collect();
    format!("{front}…{back}")
}

/// Columns of text: the first to the left, the others to the right.
pub struct Table {
    titles: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Cut the first column so that a row fits a terminal.
    is_narrow: bool,
}

impl Table {
    /// A table with these titles, cut to a terminal's width where it is one.
    pub fn new(titles: &[&'static str], is_narrow: bool) -> Self {
        Self { titles: titles.to_vec(), rows: Vec::new(), is_narrow }
    }

    /// Adds a row, a cell a title.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn first_column_width(&self) -> usize {
        let others: usize = (1..self.titles.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
                widest.max(self.titles[column].chars().count()) + 2
            })
            .sum();
        WIDTH.saturating_sub(others + 2).max(12)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table
            .load_style(comfy_table::presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(&self.titles);
        let width = if self.is_narrow { self.first_column_width() } else { usize::MAX };
        for row in &self.rows {
            let cells = row
                .iter()
                .enumerate()
                .map(|(column, cell)| if column == 0 { elide(cell, width) } else { cell.clone() });
            table.add_row(cells);
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((2, 0));
            if index > 0 {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for (index, line) in table.lines().enumerate() {
            let line = line.trim_end();
            if index == 0 {
                writeln!(out, "{}", line.dimmed())?;
            } else {
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_apart() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(signed_count(-1_000), "-1,000");
    }

    #[test]
    fn times_have_three_digits_that_matter() {
        assert_eq!(time(350), "350 ns");
        assert_eq!(time(350_000), "350 µs");
        assert_eq!(time(12_345_678), "12.3 ms");
        assert_eq!(time(3_214_000_000), "3.214 s");
        assert_eq!(time(125_900_000_000), "2 min 5 s");
        assert_eq!(time(11_040_000_000_000), "3 h 4 min");
    }

    #[test]
    fn long_names_are_cut_in_the_middle() {
        assert_eq!(elide("model/weights", 13), "model/weights");
        assert_eq!(elide("model/weights", 9), "mode…ghts");
        assert_eq!(elide("größer als", 5), "gr…ls");
    }
}
