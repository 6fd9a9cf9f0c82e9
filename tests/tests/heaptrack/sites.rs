//! Who allocated, in words that both tools have: the program's own functions in
//! a stack, innermost first.

use std::collections::BTreeMap;

use scrubjay_tests::acorns::FUNCTIONS;
use scrubjay_tests::heaptrack::{Kind, Live};
use serde_json::Value;

/// Bytes and blocks by the functions that they came from.
pub type Sites = BTreeMap<Vec<String>, (u64, u64)>;

/// The tag of what the allocator allocates for itself.
pub const ALLOCATORS: &str = "scrubjay";

/// What heaptrack says was live.
pub fn of_recording(live: &Live, kinds: &[Kind]) -> Sites {
    let blocks = live.blocks.iter().filter(|(_, blocks)| **blocks > 0);
    sum(blocks.map(|(&kind, &blocks)| {
        let kind = &kinds[kind];
        (own(kind.functions.iter().map(String::as_str)), kind.size * blocks, blocks)
    }))
}

/// What the command line says was live, but for what the allocator has
/// allocated for itself.
pub fn of_answer(answer: &Value) -> Sites {
    let rows = answer["sites"].as_array().expect("rows of sites");
    let is_of_program = |row: &&Value| row["tag"] != ALLOCATORS;
    sum(rows.iter().filter(is_of_program).map(|row| {
        let frames = row["frames"].as_array().expect("frames");
        let names = frames.iter().filter_map(|frame| frame["function"].as_str());
        let figure = |name: &str| row[name]["value"].as_u64().expect("a figure");
        (own(names), figure("bytes"), figure("blocks"))
    }))
}

fn sum(rows: impl Iterator<Item = (Vec<String>, u64, u64)>) -> Sites {
    let mut sites = Sites::new();
    for (functions, bytes, blocks) in rows {
        let site = sites.entry(functions).or_default();
        *site = (site.0 + bytes, site.1 + blocks);
    }
    sites
}

/// The program's functions among these. Closures, and generic functions of any
/// types, are called like the function that they stand in; one that calls itself
/// is named once.
fn own<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let own = names.filter_map(|name| {
        let mut words = name.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.find(|word| FUNCTIONS.contains(word)).map(str::to_owned)
    });
    let mut functions: Vec<String> = own.collect();
    functions.dedup();
    functions
}
