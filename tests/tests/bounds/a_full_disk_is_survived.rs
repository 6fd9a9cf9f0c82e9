//! A full disk ends the journal, or has a ring go round in what there is; one
//! line says so, what the journal lacks is counted, the ledger is exact. Where
//! there is no room for a log at all, one line says that.

use scrubjay::Tag;
use scrubjay_log_format::process;
use scrubjay_tests::disk::Disk;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, figures::Figures, harness, threads, told};

static TAG: Tag = Tag::new("on a full disk");

pub fn test() {
    let ended = "the journal ends here, the ledger goes on: the file gets no more room";
    let goes_round = "the file gets no more room: the journal's oldest events are overwritten from \
                      here on, and counted";
    for (at_limit, line) in [("stop", ended), ("ring", goes_round)] {
        let Some(disk) = Disk::new(7 << 20) else {
            harness::skip("no file system may be mounted here");
        };
        let path = disk.path().join("run.jay");
        let finished = child!().log(&path).setting("SCRUBJAY_LIMIT", at_limit).succeed();
        assert_eq!(finished.errors, format!("scrubjay: {line}\n"));
        let log = Log::read(&path);
        log.check();
        told::check(&log, &finished.output);
        let mut dropped = Figures::default();
        log.cells.values().for_each(|cell| dropped += Figures::dropped(cell));
        assert!(dropped.allocated_blocks > 10_000, "{dropped:?}");
        assert!(log.events.len() > 10_000, "{} events", log.events.len());
        let is_ring = at_limit == "ring";
        let reason = if is_ring { 0 } else { process::JOURNAL_END_NO_SPACE };
        assert_eq!(log.process[process::JOURNAL_END_REASON], reason);
        assert_eq!(log.process[process::OVERWRITTEN_CHUNK_COUNT] > 0, is_ring);
    }
    let Some(disk) = Disk::new(64 << 10) else { return };
    let path = disk.path().join("run.jay");
    let finished = child!().log(&path).succeed();
    let line = format!("scrubjay: no log is written to \"{}\": ", path.display());
    assert!(finished.errors.starts_with(&line), "{}", finished.errors);
    assert_eq!(finished.errors.lines().count(), 1, "{}", finished.errors);
    assert!(disk.path().files().is_empty(), "{:?}", disk.path().files());
}

pub fn child(_: &[String]) {
    threads::pairs(&TAG, 2, 120_000);
    told::tell();
}
