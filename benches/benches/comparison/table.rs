//! The tables that people read.

use scrubjay_benches::machine::Machine;
use scrubjay_benches::statistics::{is_noise, median, noise, paired_ratio};
use scrubjay_benches::workloads;

use crate::row::{cells, head};
use crate::settings::Setting;
use crate::units::{mebibytes, time};
use crate::{Measured, Table, Unit, overhead, share};

/// Markdown tables, of time and of memory, and what they mean.
pub fn text(
    table: &Table,
    machine: &Machine,
    rounds: usize,
    all: &[Measured],
    pauses: &str,
) -> String {
    let columns = Columns::of(table, all);
    let base = table.allocators[0].name;
    let mut text = match table.unit {
        Unit::Ratio => format!(
            "{}.\nTime as a ratio to `{base}`: medians of {rounds} interleaved rounds. Noise is \
             what\n`{base} again` shows; `~` marks a ratio within three times that.\n\n",
            machine.line()
        ),
        Unit::Nanoseconds => {
            format!("{}.\nNanoseconds: medians of {rounds} interleaved rounds.\n\n", machine.line())
        }
    };
    text += &columns.head(&format!("{base}, ns"), "noise");
    for measured in all.iter().filter(|measured| !share::is_reference(measured)) {
        text += &columns.times(measured);
    }
    text += &share::text(table, all);
    text += &overhead::text(table, all);
    text += pauses;
    text += "\nMost resident memory, MiB (a journal's is pages of its file):\n\n";
    text += &columns.head(base, "");
    let has_memory = |measured: &&Measured| measured.resident.iter().any(|&most| most > 0);
    for measured in all.iter().filter(|one| !share::is_reference(one)).filter(has_memory) {
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

/// The median of some rounds; of none there is none.
fn nanoseconds(rounds: &[f64]) -> String {
    if rounds.is_empty() { "-".to_owned() } else { time(median(rounds)) }
}

/// Who has a column.
struct Columns<'a> {
    table: &'a Table,
    taking_part: Vec<usize>,
}

impl<'a> Columns<'a> {
    fn of(table: &'a Table, all: &[Measured]) -> Self {
        let figures = |index: usize| all.iter().map(move |measured| &measured.nanoseconds[index]);
        let taking_part = (0..table.allocators.len())
            .filter(|&index| figures(index).any(|figures| !figures.is_empty()))
            .collect();
        Self { table, taking_part }
    }

    fn head(&self, base: &str, last: &str) -> String {
        let names = self.others().map(|index| self.table.allocators[index].name);
        let names = names.collect::<Vec<_>>().join(" | ");
        let (first, mut rule) = head(self.table);
        let mut head = format!("| {first} | {base} | {names} |");
        rule += &"| --: ".repeat(self.taking_part.len());
        rule += "|";
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
            if self.table.unit == Unit::Nanoseconds {
                return nanoseconds(&measured.nanoseconds[index]);
            }
            let ratio = paired_ratio(&measured.nanoseconds[index], base);
            if ratio.is_nan() {
                return "-".to_owned();
            }
            let mark = if is_noise(ratio, noise) { "~" } else { "" };
            format!("{mark}{ratio:.2}")
        };
        let noise = if noise.is_nan() { "-".into() } else { format!("{:.1} %", noise * 100.0) };
        self.row(&measured.setting, &nanoseconds(base), &noise, cell)
    }

    fn row(
        &self,
        setting: &Setting,
        base: &str,
        last: &str,
        cell: impl Fn(usize) -> String,
    ) -> String {
        let first = cells(self.table, setting);
        let others: Vec<String> = self.others().map(cell).collect();
        let mut row = format!("| {first} | {base} | {} |", others.join(" | "));
        if !last.is_empty() {
            row += &format!(" {last} |");
        }
        row + "\n"
    }

    fn others(&self) -> impl Iterator<Item = usize> {
        self.taking_part[1..].iter().copied()
    }
}
