//! A log whose limit has room for no chunk of the journal, or for one, is a log
//! all the same: one line says what the journal lacks, all of it is counted, and
//! the ledger is exact. So with either policy.

use scrubjay::Tag;
use scrubjay_log_format::process;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, figures::Figures, threads, told};

static TAG: Tag = Tag::new("much");

pub fn test() {
    for at_limit in ["stop", "ring"] {
        let log = run("64K", at_limit, "the journal ends here");
        assert_eq!(log.process[process::JOURNAL_END_REASON], process::JOURNAL_END_LIMIT);
        assert!(log.events.is_empty(), "{} events", log.events.len());
    }
    // How many chunks the ledger takes first is its own affair: among these
    // limits there is one that has room for very few of the journal's.
    let mut fewest = u64::MAX;
    for chunk_count in 6..=40 {
        let log = run(&format!("{}K", 64 * chunk_count), "ring", "");
        fewest = fewest.min(match log.journal_chunks.values().sum() {
            0 => u64::MAX,
            count => count,
        });
        if log.process[process::OVERWRITTEN_CHUNK_COUNT] > 10 {
            break;
        }
    }
    assert!(fewest <= 3, "{fewest} chunks of the journal");
}

fn run(limit: &str, at_limit: &str, line: &str) -> Log {
    let folder = Folder::new();
    let path = folder.join("run.jay");
    let finished = child!()
        .log(&path)
        .setting("SCRUBJAY_LOG_LIMIT", limit)
        .setting("SCRUBJAY_LIMIT", at_limit)
        .succeed();
    assert!(finished.errors.contains(line), "{}", finished.errors);
    assert_eq!(finished.errors.lines().count(), 1, "{}", finished.errors);
    let log = Log::read(&path);
    log.check();
    told::check(&log, &finished.output);
    let mut dropped = Figures::default();
    log.cells.values().for_each(|cell| dropped += Figures::dropped(cell));
    assert!(dropped.allocated_blocks > 10_000, "{dropped:?}");
    log
}

pub fn child(_: &[String]) {
    threads::pairs(&TAG, 3, 20_000);
    told::tell();
}
