//! The tables that people read.

use scrubjay_benches::machine::Machine;
use scrubjay_benches::statistics::{is_noise, median, noise, paired_ratio};
use scrubjay_benches::workloads;

use crate::settings::Setting;
use crate::units::{mebibytes, time};
use crate::{Measured, Table, share};

/// Markdown tables, of time and of memory, and what they mean.
pub fn text(table: &Table, machine: &Machine, rounds: usize, all: &[Measured]) -> String {
    let columns = Columns::of(table, all);
    let mut text = format!(
        "{}.\nTime as a ratio to `System`: medians of {rounds} interleaved rounds. Noise is what\n\
         `System again` shows; `~` marks a ratio within three times that.\n\n",
        machine.line()
    );
    text += &columns.head("System, ns", "noise");
    for measured in all.iter().filter(|measured| !share::is_reference(measured)) {
        text += &columns.times(measured);
    }
    text += &share::text(table, all);
    text += "\nMost resident memory, MiB (a journal's is pages of its file):\n\n";
    text += &columns.head("System", "");
    for measured in all.iter().filter(|measured| !share::is_reference(measured)) {
        let cell = |index: usize| mebibytes(measured.resident[index]);
        text += &columns.row(&measured.setting, &cell(0), "", cell);
    }
    text += "\nOne operation:\n";
    for (workload, operation) in workloads::OPERATIONS {
        if all.iter().any(|measured| measured.setting.name().starts_with(workload)) {
            text += &format!("- {workload}: {operation}\n");
        }
    }
    text
}

/// Who has a column, and how a row begins.
struct Columns<'a> {
    table: &'a Table,
    taking_part: Vec<usize>,
    /// Whether profiles and threads differ.
    varied: bool,
}

impl<'a> Columns<'a> {
    fn of(table: &'a Table, all: &[Measured]) -> Self {
        let figures = |index: usize| all.iter().map(move |measured| &measured.nanoseconds[index]);
        let taking_part = (0..table.allocators.len())
            .filter(|&index| figures(index).any(|figures| !figures.is_empty()))
            .collect();
        Self { table, taking_part, varied: table.profiles.len() > 1 }
    }

    fn head(&self, base: &str, last: &str) -> String {
        let (first, count) =
            if self.varied { ("profile | workload | threads", 3) } else { ("workload", 1) };
        let names = self.others().map(|index| self.table.allocators[index].name);
        let mut head = format!("| {first} | {base} | {} |", names.collect::<Vec<_>>().join(" | "));
        let texts = count.min(2);
        let numbers = count - texts + self.taking_part.len();
        let mut rule = format!("{}{}|", "| --- ".repeat(texts), "| --: ".repeat(numbers));
        if !last.is_empty() {
            head += &format!(" {last} |");
            rule += " --: |";
        }
        format!("{head}\n{rule}\n")
    }

    fn times(&self, measured: &Measured) -> String {
        let base = &measured.nanoseconds[0];
        let noise = noise(&measured.nanoseconds[1], base);
        let cell = |index: usize| {
            let ratio = paired_ratio(&measured.nanoseconds[index], base);
            if ratio.is_nan() {
                return "-".to_owned();
            }
            let mark = if is_noise(ratio, noise) { "~" } else { "" };
            format!("{mark}{ratio:.2}")
        };
        let noise = format!("{:.1} %", noise * 100.0);
        self.row(&measured.setting, &time(median(base)), &noise, cell)
    }

    fn row(
        &self,
        setting: &Setting,
        base: &str,
        last: &str,
        cell: impl Fn(usize) -> String,
    ) -> String {
        let Setting { profile, threads, .. } = setting;
        let first = match self.varied {
            true => format!("{profile} | {} | {threads}", setting.name()),
            false => setting.name(),
        };
        let cells: Vec<String> = self.others().map(cell).collect();
        let mut row = format!("| {first} | {base} | {} |", cells.join(" | "));
        if !last.is_empty() {
            row += &format!(" {last} |");
        }
        row + "\n"
    }

    fn others(&self) -> impl Iterator<Item = usize> {
        self.taking_part[1..].iter().copied()
    }
}
