//! The table that people read.

use scrubjay_benches::machine::Machine;
use scrubjay_benches::statistics::{is_noise, median, noise, paired_ratio};
use scrubjay_benches::workloads;

use crate::Measured;
use crate::allocators::ALLOCATORS;

/// Two Markdown tables, time and memory, and what they mean.
pub fn text(machine: &Machine, rounds: usize, all: &[Measured]) -> String {
    let taking_part: Vec<usize> = (0..ALLOCATORS.len())
        .filter(|&index| all.iter().any(|measured| !measured.nanoseconds[index].is_empty()))
        .collect();
    let mut text = format!(
        "{}.\nTime as a ratio to `System`: medians of {rounds} interleaved rounds. Noise is what\n\
         `System again` shows; `~` marks a ratio within three times that.\n\n",
        machine.line()
    );
    text += &row(&["profile", "workload", "threads"], &taking_part, "System, ns", "noise", name);
    text += &rule(taking_part.len() + 4);
    for measured in all {
        text += &times(measured, &taking_part);
    }
    text += "\nMost resident memory, MiB (a journal's is pages of its file):\n\n";
    text += &row(&["profile", "workload", "threads"], &taking_part, "System", "", name);
    text += &rule(taking_part.len() + 3);
    for measured in all {
        let base = mebibytes(measured.resident[0]);
        let cell = |index: usize| mebibytes(measured.resident[index]);
        text += &row(&of_setting(measured), &taking_part, &base, "", cell);
    }
    text += "\nOne operation:\n";
    for (workload, operation) in workloads::OPERATIONS {
        if all.iter().any(|measured| measured.setting.workload == *workload) {
            text += &format!("- {workload}: {operation}\n");
        }
    }
    text
}

fn times(measured: &Measured, taking_part: &[usize]) -> String {
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
    let nanoseconds = median(base);
    let base = if nanoseconds < 1e5 {
        format!("{nanoseconds:.1}")
    } else {
        format!("{:.1} ms", nanoseconds / 1e6)
    };
    row(&of_setting(measured), taking_part, &base, &format!("{:.1} %", noise * 100.0), cell)
}

fn of_setting(measured: &Measured) -> [&'static str; 3] {
    let setting = &measured.setting;
    [setting.profile, setting.workload, if setting.threads == 1 { "1" } else { "4" }]
}

fn row(
    first: &[&str],
    taking_part: &[usize],
    base: &str,
    last: &str,
    cell: impl Fn(usize) -> String,
) -> String {
    let mut row = format!("| {} | {base} |", first.join(" | "));
    for &index in &taking_part[1..] {
        row += &format!(" {} |", cell(index));
    }
    if !last.is_empty() {
        row += &format!(" {last} |");
    }
    row + "\n"
}

fn rule(columns: usize) -> String {
    let mut rule = "| --- | --- |".to_owned();
    for _ in 2..columns {
        rule += " --: |";
    }
    rule + "\n"
}

fn name(index: usize) -> String {
    ALLOCATORS[index].name.to_owned()
}

fn mebibytes(kibibytes: u64) -> String {
    format!("{:.1}", kibibytes as f64 / 1024.0)
}
