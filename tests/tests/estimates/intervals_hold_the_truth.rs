//! The interval that `leaks` states for a site holds what is live there in 95 of
//! 100 cases, and is no wider than it has to be. Here all of a site's blocks are of
//! one size, so theory has an exact interval of how many there are (Clopper and
//! Pearson 1934, solved for the number of trials) for whoever knows that.

use std::ffi::OsStr;
use std::path::Path;

use scrubjay_tests::folder::Folder;
use scrubjay_tests::{cli, harness, made};
use serde_json::Value;

use crate::plan::{SITES, Site, Way, chance};
use crate::runs;

/// The least share of intervals that hold the truth, and the greatest mean of
/// their widths, as a share of the theory's.
const COVERAGE_MIN: f64 = 0.93;
const WIDTH_MAX: f64 = 1.1;

pub fn test() {
    let (mut stated, mut unseen) = (0, 0);
    // Of bytes, and of blocks.
    let mut held = [0; 2];
    // In standard deviations, so that no site outweighs the others.
    let (mut widths, mut theories) = (0.0, 0.0);
    for _ in 0..harness::count(22, 220) {
        let folder = Folder::new();
        let answer = leaks(&runs::run(module_path!(), Way::Plain, &folder));
        assert_eq!(answer["sites_source"], "samples");
        for number in 0..SITES {
            let site = Site::of(number, Way::Plain);
            let (size, count) = site.live();
            let name = made::name(number);
            let rows = answer["sites"].as_array().expect("rows of sites");
            let mut rows = rows.iter().filter(|row| row["tag"] == *name);
            let Some(row) = rows.next() else {
                // No block of it is in the sample, so nothing is stated.
                unseen += 1;
                continue;
            };
            // A tag's first block takes a longer way through the allocator: a
            // stack of its own, but not a row.
            assert!(rows.next().is_none(), "{name} is in two rows: {answer}");
            let interval = |figure: &str| {
                let end = |name: &str| row[figure][name].as_f64().expect("an estimate");
                end("low")..=end("high")
            };
            stated += 1;
            for (held, (figure, truth)) in
                held.iter_mut().zip([("bytes", size * count), ("blocks", count)])
            {
                *held += u32::from(interval(figure).contains(&(truth as f64)));
            }
            let bytes = interval("bytes");
            let (chance, size) = (chance(size as u64), size as f64);
            let deviation = size * (count as f64 * (1.0 - chance)).sqrt() / chance;
            let seen = row["samples"].as_u64().expect("a count");
            widths += (bytes.end() - bytes.start()) / deviation;
            theories += size * theory(seen, chance) as f64 / deviation;
        }
    }
    let [coverage, of_blocks] = held.map(|held| f64::from(held) / f64::from(stated));
    let width = widths / theories;
    println!(
        "{stated} intervals, {unseen} sites unseen: {:.1} % hold the truth ({:.1} % of those of \
         blocks), width {width:.3} of the theory's",
        coverage * 100.0,
        of_blocks * 100.0
    );
    assert!(stated >= 1_000, "{stated} intervals");
    assert!(coverage >= COVERAGE_MIN && of_blocks >= COVERAGE_MIN, "{coverage}, {of_blocks}");
    assert!(width <= WIDTH_MAX, "{width}");
}

pub fn child(arguments: &[String]) {
    runs::child(arguments);
}

/// How far the number of trials may be from end to end that had so many hits.
fn theory(seen: u64, chance: f64) -> u64 {
    const TAIL: f64 = 0.025;
    // With more trials, so few hits are too rare.
    let highest = last(seen, |trials| at_most(seen, trials, chance) >= TAIL);
    // With fewer, so many are.
    let too_few = |trials| seen > 0 && 1.0 - at_most(seen - 1, trials, chance) < TAIL;
    let lowest = if too_few(seen) { last(seen, too_few) + 1 } else { seen };
    highest - lowest
}

/// The last number from a start for which it holds, as it does up to there.
fn last(start: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let mut step = 1;
    while holds(start + step) {
        step *= 2;
    }
    let (mut below, mut above) = (start + step / 2, start + step);
    if step == 1 {
        below = start;
    }
    while above - below > 1 {
        let middle = below.midpoint(above);
        if holds(middle) { below = middle } else { above = middle }
    }
    below
}

/// The chance of so many hits or fewer.
fn at_most(hits: u64, trials: u64, chance: f64) -> f64 {
    if hits >= trials {
        return 1.0;
    }
    // By logarithms: the chance of no hit may be too small for a number.
    let odds = (chance / (1.0 - chance)).ln();
    let mut term = trials as f64 * (-chance).ln_1p();
    let mut sum = term.exp();
    for hit in 0..hits {
        term += ((trials - hit) as f64 / (hit + 1) as f64).ln() + odds;
        sum += term.exp();
    }
    sum
}

fn leaks(log: &Path) -> Value {
    let options = ["leaks", "--json", "--top", "1000"].map(OsStr::new);
    let output = cli::run(options.into_iter().chain([log.as_os_str()]));
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("an answer in JSON")
}
