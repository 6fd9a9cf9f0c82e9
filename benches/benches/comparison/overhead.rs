//! What recording costs beyond `System`: an event, a frame, and beside peers.

use scrubjay_benches::statistics::median;

use crate::row::{cells, head};
use crate::{Measured, Table};

/// Who records stacks of all events, in which the others' cost is counted.
const OURS: &str = "journal + stacks";
const COUNT: &str = "count";
const COUNT_STACKS: &str = "count + stacks";
const SAMPLE: &str = "sample";
/// Peers that do the same.
const PEERS: [&str; 3] = ["dhat", "heaptrack raw", "heaptrack"];

/// The tables, where the run has who they are about.
pub fn text(table: &Table, all: &[Measured]) -> String {
    if place(table, OURS).is_none() {
        return String::new();
    }
    let mut text = String::from(
        "\nNanoseconds over `System` for each event, which is an allocation or a free (a\n\
         realloc is one of each; a pair of `pair64` is two events):\n\n",
    );
    text += &events(table, all);
    text += "\nWhat a stack takes: `count + stacks` over `count`, for each frame of an\n\
             allocation's stack; finding the stack's site included.\n\n";
    text += &frames(table, all);
    text += "\nSide by side: the time of `sample` to that of `count`, and how many times as much\n\
             as `journal + stacks` others take over `System`.\n\n";
    text + &compared(table, all)
}

fn place(table: &Table, name: &str) -> Option<usize> {
    table.allocators.iter().position(|allocator| allocator.name == name)
}

/// One who took part in a setting: a figure a round.
fn rounds<'a>(table: &Table, measured: &'a Measured, name: &str) -> Option<&'a [f64]> {
    let figures = &measured.nanoseconds[place(table, name)?];
    (!figures.is_empty()).then_some(figures)
}

/// The median of a combination of two's figures of the same round.
fn paired(one: &[f64], other: &[f64], combine: impl Fn(f64, f64) -> f64) -> f64 {
    median(&one.iter().zip(other).map(|(&one, &other)| combine(one, other)).collect::<Vec<_>>())
}

fn events(table: &Table, all: &[Measured]) -> String {
    let names: Vec<&str> = table.allocators[1..].iter().map(|allocator| allocator.name).collect();
    let (first, rule) = head(table);
    let mut text = format!(
        "| {first} | events | {} |\n{rule}| --: {}|\n",
        names.join(" | "),
        "| --: ".repeat(names.len())
    );
    for measured in all.iter().filter(|measured| measured.events > 0.0) {
        let base = &measured.nanoseconds[0];
        let cell = |name: &&str| {
            let Some(figures) = rounds(table, measured, name) else { return "-".to_owned() };
            let over = paired(figures, base, |figure, base| (figure - base) / measured.events);
            format!("{over:.1}")
        };
        let row: Vec<String> = names.iter().map(cell).collect();
        let (first, events) = (cells(table, &measured.setting), measured.events);
        text += &format!("| {first} | {events:.0} | {} |\n", row.join(" | "));
    }
    text
}

/// A pair has one stack, and hardly anything else.
fn frames(table: &Table, all: &[Measured]) -> String {
    let (first, rule) = head(table);
    let mut text = format!("| {first} | ns a stack | ns a frame |\n{rule}| --: | --: |\n");
    for measured in all.iter().filter(|measured| measured.setting.workload == "pair64") {
        let (Some(with), Some(without)) =
            (rounds(table, measured, COUNT_STACKS), rounds(table, measured, COUNT))
        else {
            continue;
        };
        let stack = paired(with, without, |with, without| with - without);
        let frame = stack / measured.setting.depth as f64;
        let first = cells(table, &measured.setting);
        text += &format!("| {first} | {stack:.1} | {frame:.2} |\n");
    }
    text
}

fn compared(table: &Table, all: &[Measured]) -> String {
    let (first, rule) = head(table);
    let peers = PEERS.map(|peer| format!("{peer} ÷ ours")).join(" | ");
    let mut text = format!(
        "| {first} | sample ÷ count | {peers} |\n{rule}| --: {}|\n",
        "| --: ".repeat(PEERS.len())
    );
    for measured in all {
        let base = &measured.nanoseconds[0];
        let (Some(ours), Some(count), Some(sample)) = (
            rounds(table, measured, OURS),
            rounds(table, measured, COUNT),
            rounds(table, measured, SAMPLE),
        ) else {
            continue;
        };
        // A program whose own time varies by more than what recording takes may
        // seem faster with it: then there is nothing to divide by.
        let over = |figures: &[f64]| paired(figures, base, |figure, base| figure - base);
        let cell = |peer: &str| match rounds(table, measured, peer) {
            Some(figures) if over(ours) > 0.0 => format!("{:.1}", over(figures) / over(ours)),
            _ => "-".to_owned(),
        };
        let sample = paired(sample, count, |sample, count| sample / count);
        let peers = PEERS.map(cell).join(" | ");
        text += &format!("| {} | {sample:.3} | {peers} |\n", cells(table, &measured.setting));
    }
    text
}
