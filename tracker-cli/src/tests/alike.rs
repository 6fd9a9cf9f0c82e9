//! Sites whose stacks read alike are one row of an answer.

use std::collections::BTreeMap;

use scrubjay_log_format::site::{self, FIRST};
use scrubjay_log_format::{Mode, SymbolChunk, SymbolFrame, symbols};
use serde_json::Value;

use super::ask_about;
use super::log::{CHUNK_SIZE, Log};
use super::site_log::SITES_A_TAG;

/// The node of a stack is the allocator's or a container's, whichever way it
/// takes; all come from one line, but those of the last site.
pub fn bytes(log: &Log) -> Vec<u8> {
    let mut bytes = log.bytes();
    let mut chunk = SymbolChunk::new(CHUNK_SIZE as u32);
    let mut push = |address: u64, depth: u16, is_inlined: bool, function: &str, line: u32| {
        let flags = u8::from(is_inlined) * symbols::FLAG_INLINED;
        let file = "src/main.rs";
        assert!(chunk.push(&SymbolFrame {
            address,
            depth,
            flags,
            function,
            file,
            line,
            column: 5
        }));
    };
    let nodes = &log.sites.nodes;
    push(nodes[0].address, 0, false, "model::main", 9);
    for (at, node) in nodes.iter().enumerate().skip(1) {
        let plumbing = ["scrubjay::take::take", "alloc::raw_vec::RawVec<T,A>::grow_one"][at % 2];
        if at + 1 == nodes.len() {
            push(node.address, 0, true, "model::other", 7);
            push(node.address, 1, false, "model::main", 9);
        } else {
            push(node.address, 0, false, plumbing, at as u32);
        }
    }
    let place = bytes.len() / CHUNK_SIZE;
    bytes.extend(chunk.seal(place as u32));
    bytes
}

fn rows(bytes: &[u8], words: &str) -> (Value, BTreeMap<Vec<u64>, Value>) {
    let said = ask_about(bytes, &format!("{words} --no-symbol-cache --json"));
    assert_eq!(said.exit_code, 0, "{words}: {said:?}");
    let answer: Value = serde_json::from_str(&said.out).unwrap();
    let sites = |row: &Value| -> Vec<u64> {
        row["sites"].as_array().unwrap().iter().map(|site| site.as_u64().unwrap()).collect()
    };
    let rows = answer["sites"].as_array().unwrap().iter();
    let rows = rows.map(|row| (sites(row), row.clone())).collect();
    (answer, rows)
}

/// Those of the tag `prompt`, by number.
fn own_sites() -> Vec<u64> {
    (2 * SITES_A_TAG..3 * SITES_A_TAG).map(|at| u64::from(FIRST + at)).collect()
}

fn sum<'v>(rows: impl Iterator<Item = &'v Value>, figure: &str, part: &str) -> i64 {
    rows.map(|row| row[figure][part].as_i64().unwrap()).sum()
}

#[test]
fn stacks_that_read_alike_are_one_row_with_the_figures_of_all() {
    let log = Log::with_sites(500);
    for mode in [Mode::Journal, Mode::Count] {
        let bytes = bytes(&Log { mode, ..log.clone() });
        for question in ["leaks", "peak"] {
            if question == "peak" && mode == Mode::Count {
                continue;
            }
            let (apart, each) = rows(&bytes, &format!("{question} --tag prompt --all-frames"));
            let (answer, together) = rows(&bytes, &format!("{question} --tag prompt"));
            let own = own_sites();
            let (alike, other) = own.split_at(own.len() - 1);
            let expected = [&[2][..], alike, other];
            assert!(together.keys().map(Vec::as_slice).eq(expected), "{together:?}");
            for figure in ["bytes", "blocks"] {
                let each = each.iter().filter(|(sites, _)| alike.contains(&sites[0]));
                let whole = sum(each.map(|(_, row)| row), figure, "value");
                assert!(whole > 0);
                assert_eq!(together[alike][figure]["value"], whole, "{question}, {mode:?}");
            }
            assert_eq!((&apart["site_count"], &answer["site_count"]), (&5.into(), &3.into()));
            assert_eq!(apart["sites_bytes"], answer["sites_bytes"]);
            let frames = together[alike]["frames"].as_array().unwrap();
            assert_eq!((frames.len(), &frames[0]["function"]), (1, &"model::main".into()));
            assert!(together[alike]["frames_folded"].as_u64().unwrap() > 0);
        }
    }
}

#[test]
fn a_row_that_is_great_only_with_all_its_sites_comes_first() {
    let mut log = Log::with_sites(500);
    let bytes_of = |row: &Value| row["bytes"]["value"].as_u64().unwrap();
    let own = own_sites();
    let (alike, other) = own.split_at(own.len() - 1);
    let (_, each) = rows(&bytes(&log), "leaks --tag prompt --all-frames");
    let greatest = each.values().map(bytes_of).max().unwrap();
    // The other site outweighs each of them, but not all.
    log.alloc(1, 60_000, (0x7000_0000, greatest), other[0] as u32);
    let bytes = bytes(&log);
    for (options, first) in [("--all-frames", other), ("", alike)] {
        let words = format!("leaks --tag prompt --top 1 {options}");
        let (_, first_row) = rows(&bytes, words.trim_end());
        assert_eq!(first_row.keys().next().map(Vec::as_slice), Some(first), "{options}");
    }
}

#[test]
fn estimates_of_sites_that_read_alike_have_one_interval() {
    let mut log = Log { mode: Mode::Sample, ..Log::with_sites(100) };
    log.sites.declared.iter_mut().for_each(|declared| declared.flags = site::FLAG_SAMPLED);
    // Nothing but those that read alike.
    let own = own_sites();
    log.events.retain(|(_, event)| own[..own.len() - 1].contains(&event.site.into()));
    let bytes = bytes(&log);
    let (answer, together) = rows(&bytes, "leaks");
    let (_, each) = rows(&bytes, "leaks --all-frames");
    assert_eq!((together.len(), each.len()), (1, own.len() - 1));
    let row = together.values().next().unwrap();
    assert_eq!((&row["bytes"], &row["blocks"]), (&answer["sites_bytes"], &answer["sites_blocks"]));
    let width = |row: &Value| {
        let figure = |name: &str| row["bytes"][name].as_f64().unwrap();
        figure("high") - figure("low")
    };
    // Variances are added, not widths.
    let widths: f64 = each.values().map(width).sum();
    assert!(width(row) < 0.8 * widths, "{row} {widths}");
    let samples = each.values().map(|row| row["samples"].as_u64().unwrap());
    assert_eq!(row["samples"], samples.sum::<u64>());
}
