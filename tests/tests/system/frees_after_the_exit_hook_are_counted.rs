//! Blocks that the destructors of C thread keys free, behind scrubjay's own
//! hook, are counted: nothing of them lives, in ledger and journal.

use scrubjay::{Report, Tag};
use scrubjay_log_format::cell;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::system::Key;
use scrubjay_tests::{child, threads, told};

static KEPT: Tag = Tag::new("kept by a key");
const THREADS: usize = 64;
const BLOCKS: usize = 1_000;

pub fn test() {
    for mode in ["count", "journal"] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let finished = child!().log(&path).setting("SCRUBJAY_MODE", mode).succeed();
        let log = Log::read(&path);
        log.check();
        told::check(&log, &finished.output);
        let orphans = log.cells[&(0, log.tag(KEPT.name()))];
        let least = (THREADS * BLOCKS) as u64;
        assert!(orphans[cell::FREED_BLOCKS] >= least, "behind the hook: {orphans:?}");
    }
}

pub fn child(_: &[String]) {
    let key = Key::new();
    threads::run(THREADS, 8, |_| {
        let _scope = KEPT.enter();
        let kept: Vec<_> = (0..BLOCKS).map(|_| vec![1_u8; 100]).collect();
        key.at_thread_end(move || drop(kept));
    });
    let report = Report::now();
    let kept = report.tag(KEPT.name()).expect("the tag was entered");
    assert_eq!((kept.live_blocks, kept.live_bytes), (0, 0));
    told::tell();
}
