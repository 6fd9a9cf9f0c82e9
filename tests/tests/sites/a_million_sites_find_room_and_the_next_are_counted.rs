//! Sites up to the limit are told apart; what comes from others counts for its
//! tag alone, and how often that was is said. The ledger stays exact, and the
//! memory that it takes stays below the stated bound.

use scrubjay::Tag;
use scrubjay_log_format::{cell, process, site};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, harness, paths};

static TAG: Tag = Tag::new("everywhere");
/// 2^20 stacks: more than there are sites besides the tags' own.
const DEPTH: u32 = 20;
/// Sites and stacks in the log, and what finds them; see the allocator's limits.
const BYTES_MAX: u64 = 330_000_000 + 400_000_000;

pub fn test() {
    if cfg!(debug_assertions) && !harness::is_soak() {
        harness::skip("takes a minute without optimization: runs in release");
    }
    let folder = Folder::new();
    let path = folder.join("run.jay");
    child!()
        .log(&path)
        .setting("SCRUBJAY_MODE", "count")
        .setting("SCRUBJAY_STACKS", "on")
        .succeed();
    let log = Log::read(&path);
    log.check();
    let tag = log.tag(TAG.name());
    let cell = log.cell(tag);
    assert_eq!(cell[cell::ALLOCATED_BLOCKS], 1 << DEPTH);
    let own = log.sites.len() as u64;
    assert_eq!(own, u64::from(site::COUNT_MAX - site::FIRST), "every place is taken");
    let missed = log.process[process::SITE_OVERFLOW_COUNT];
    let [_, blocks, ..] = log.site_sums_of(tag);
    assert_eq!(blocks + missed, 1 << DEPTH, "what has no site is counted");
    let size = std::fs::metadata(&path).expect("the log is there").len();
    assert!(size < BYTES_MAX, "{size} bytes");
}

pub fn child(_: &[String]) {
    let _scope = TAG.enter();
    for number in 0..1 << DEPTH {
        paths::walk(number, DEPTH, &mut || drop(std::hint::black_box(vec![1_u8; 10])));
    }
}
