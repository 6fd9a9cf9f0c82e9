//! Valgrind's DHAT counts the same on the same run of a single-threaded
//! program. For bytes and for blocks:
//!
//! ```text
//! valgrind's bytes  + mapped bytes  = ours + 8 × (blocks - mapped blocks) + C's bytes
//! valgrind's blocks + mapped blocks = ours                                + C's blocks
//! ```
//!
//! Large blocks are mapped by scrubjay and never reach malloc; nor do the
//! ledger and the journal, which are in no term. What the C library allocates
//! for itself is measured on a run of the same program that does no work.

use std::process::{Command, Stdio};

use scrubjay_log_format::cell;
use scrubjay_tests::child::Child;
use scrubjay_tests::churn::{self, Churn};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::harness;
use scrubjay_tests::log::Log;

const TRAILER_SIZE: u64 = 8;

/// How many large blocks the program has.
const LARGE_COUNT: u64 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Total {
    bytes: u64,
    blocks: u64,
}

#[derive(Debug)]
struct Run {
    valgrinds: Total,
    ours: Total,
    mapped: Total,
}

pub fn test() {
    if !has_valgrind() {
        harness::skip("needs valgrind: `apt-get install valgrind`");
    }
    for mode in ["count", "journal"] {
        let control = Run::new(mode, "on", 0).own_of_c();
        for (mappings, steps) in [("on", harness::count(2_000, 100_000)), ("off", 100)] {
            let run = Run::new(mode, mappings, steps);
            assert!(run.ours.blocks > steps as u64 / 2, "{steps} steps, {run:?}");
            assert_eq!(run.own_of_c(), control, "{steps} steps, {run:?}");
        }
    }
}

impl Run {
    fn new(mode: &str, mappings: &str, steps: usize) -> Self {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let file = format!("--dhat-out-file={}", folder.join("dhat.json").display());
        let finished = Child::under("valgrind", &["--tool=dhat", &file], module_path!())
            .log(&path)
            .setting("SCRUBJAY_MODE", mode)
            .setting("SCRUBJAY_MAPPINGS", mappings)
            .argument(steps.to_string())
            .succeed();
        let log = Log::read(&path);
        log.check();
        let total = log.ledger_total();
        // Only mapped blocks are given back as whole pages, and here all are.
        let bytes = log.tags.keys().map(|&tag| log.cell(tag)[cell::RETURNED_BYTES]).sum();
        let mapped = Total { bytes, blocks: bytes / churn::LARGE as u64 };
        let expected = if steps == 0 || mappings == "off" { 0 } else { LARGE_COUNT };
        // Where valgrind grants no address space for them, none is mapped.
        assert!([0, expected].contains(&mapped.blocks), "{mapped:?}");
        Self {
            valgrinds: dhat_total(&finished.errors),
            ours: Total { bytes: total.allocated_bytes, blocks: total.allocated_blocks },
            mapped,
        }
    }

    /// What the equations leave for the C library.
    fn own_of_c(&self) -> Total {
        let Self { valgrinds, ours, mapped } = self;
        let trailers = TRAILER_SIZE * (ours.blocks - mapped.blocks);
        Total {
            bytes: valgrinds.bytes + mapped.bytes - ours.bytes - trailers,
            blocks: valgrinds.blocks + mapped.blocks - ours.blocks,
        }
    }
}

/// From a line such as `==12== Total:     1,234 bytes in 56 blocks`.
fn dhat_total(errors: &str) -> Total {
    let line = errors.lines().find_map(|line| line.split_once("Total:"));
    let numbers: Vec<u64> = (line.map_or("", |line| line.1).replace(',', "").split_whitespace())
        .filter_map(|word| word.parse().ok())
        .collect();
    let [bytes, blocks] = numbers[..] else { panic!("valgrind says no total: {errors}") };
    Total { bytes, blocks }
}

fn has_valgrind() -> bool {
    let mut command = Command::new("valgrind");
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

pub fn child(arguments: &[String]) {
    let steps = arguments[0].parse().expect("a number");
    drop(Churn { seed: 1, threads: 1, steps, refused_one_in: 0, largest: 64 << 10 }.run());
    if steps > 0 {
        (0..LARGE_COUNT).for_each(|_| drop(vec![0_u8; churn::LARGE]));
    }
}
