//! What a child tells of its own ledger, to be held against its log.

use std::collections::BTreeMap;

use scrubjay::{Report, TagStats};
use scrubjay_log_format::cell;

use crate::log::Log;

/// Figures of one tag, in the order in which they are told.
pub type Told = [u64; 8];

fn figures(stats: &TagStats) -> Told {
    [
        stats.allocated_bytes,
        stats.allocated_blocks,
        stats.freed_bytes,
        stats.freed_blocks,
        stats.failed_count,
        stats.realloc_in_place_count,
        stats.realloc_moved_count,
        stats.wiped_bytes,
    ]
}

/// The same figures, from the words of a cell.
pub fn of_cell(words: &[u64; cell::WORD_COUNT]) -> Told {
    let places = [
        cell::ALLOCATED_BYTES,
        cell::ALLOCATED_BLOCKS,
        cell::FREED_BYTES,
        cell::FREED_BLOCKS,
        cell::FAILED_COUNT,
        cell::REALLOC_IN_PLACE,
        cell::REALLOC_MOVED,
        cell::WIPED_BYTES,
    ];
    places.map(|place| words[place])
}

/// Figures by tag, "untagged" left out: telling allocates.
pub fn now() -> BTreeMap<String, Told> {
    let report = Report::now();
    let tags = report.tags.iter().skip(1);
    tags.map(|stats| (stats.name.to_owned(), figures(stats))).collect()
}

/// In a child, once its tags rest: tells their figures.
pub fn tell() {
    for (name, figures) in now() {
        println!("tag {name}: {figures:?}");
    }
}

/// Checks a log against what its process told in the end.
pub fn check(log: &Log, output: &str) {
    let mut count = 0;
    for line in output.lines().filter_map(|line| line.strip_prefix("tag ")) {
        let (name, figures) = line.rsplit_once(": ").expect("a name and its figures");
        let told = of_cell(&log.cell(log.tag(name)));
        assert_eq!(format!("{told:?}"), figures, "{name}");
        count += 1;
    }
    assert_eq!(count + 1, log.tags.len(), "every tag but \"untagged\" is told: {output}");
}
