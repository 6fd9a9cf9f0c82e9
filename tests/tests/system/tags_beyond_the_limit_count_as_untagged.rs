//! Beyond 4,095 tags a tag counts as "untagged"; how many did is in the log,
//! and no block is lost.

use scrubjay::Report;
use scrubjay_log_format::{TAG_COUNT_MAX, process};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, made, told};

const TAGS: usize = 5_000;

pub fn test() {
    for mode in ["count", "journal"] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        // Stacks would bring a tag of their own.
        let child = child!().log(&path).setting("SCRUBJAY_STACKS", "off");
        let finished = child.setting("SCRUBJAY_MODE", mode).succeed();
        let log = Log::read(&path);
        log.check();
        told::check(&log, &finished.output);
        assert_eq!(log.tags.len(), TAG_COUNT_MAX as usize);
        let beyond = TAGS as u64 + 1 - u64::from(TAG_COUNT_MAX);
        assert_eq!(log.process[process::TAG_OVERFLOW_COUNT], beyond);
    }
}

pub fn child(_: &[String]) {
    let tags = made::tags(TAGS);
    let mut kept = Vec::with_capacity(TAGS);
    let before = Report::now().total.live_bytes;
    for tag in &tags {
        let _scope = tag.enter();
        kept.push(vec![0_u8; 1_000]);
    }
    // Twice: the second time no tag is registered any more.
    for tag in &tags {
        let _scope = tag.enter();
        drop(vec![0_u8; 1_000]);
    }
    let report = Report::now();
    let own = report.tags.iter().skip(1).map(|stats| stats.live_bytes).sum::<u64>();
    assert_eq!(own, 1_000 * u64::from(TAG_COUNT_MAX - 1));
    // The first report's blocks, or the second's, live in between.
    assert!(report.total.live_bytes - before >= 1_000 * TAGS as u64);
    told::tell();
    std::mem::forget(kept);
}
