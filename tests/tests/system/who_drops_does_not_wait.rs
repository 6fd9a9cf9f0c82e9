//! Where the journal has no room yet, the policy `drop` counts what it drops
//! and never waits; the policy `wait` drops nothing.

use scrubjay_log_format::process;
use scrubjay_tests::churn::Churn;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, figures::Figures, told};

pub fn test() {
    for full in ["wait", "drop"] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let finished = child!().log(&path).setting("SCRUBJAY_FULL", full).succeed();
        assert_eq!(finished.errors, "");
        let log = Log::read(&path);
        log.check();
        told::check(&log, &finished.output);
        let mut dropped = Figures::default();
        log.cells.values().for_each(|cell| dropped += Figures::dropped(cell));
        match full {
            "wait" => assert_eq!(dropped, Figures::default()),
            _ => assert_eq!(log.process[process::WAIT_COUNT], 0),
        }
    }
}

pub fn child(_: &[String]) {
    drop(Churn { seed: 7, threads: 4, steps: 30_000, refused_one_in: 0, largest: 64 << 10 }.run());
    told::tell();
}
