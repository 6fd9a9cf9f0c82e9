//! Where the journal has no room yet, the policy `drop` counts what it drops
//! and never waits; the policy `wait` drops nothing.

use scrubjay::Tag;
use scrubjay_log_format::process;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, figures::Figures, harness, threads, told};

static TAG: Tag = Tag::new("fast");

pub fn test() {
    for full in ["wait", "drop"] {
        // Until it happened: whether the helper is outrun is the machine's luck.
        for _ in 0..harness::count(3, 20) {
            let folder = Folder::new();
            let path = folder.join("run.jay");
            let finished = child!().log(&path).setting("SCRUBJAY_FULL", full).succeed();
            assert_eq!(finished.errors, "");
            let log = Log::read(&path);
            log.check();
            told::check(&log, &finished.output);
            let mut dropped = Figures::default();
            log.cells.values().for_each(|cell| dropped += Figures::dropped(cell));
            let waits = log.process[process::WAIT_COUNT];
            match full {
                "wait" => assert_eq!(dropped, Figures::default()),
                _ => assert_eq!(waits, 0),
            }
            if waits > 0 || dropped != Figures::default() {
                break;
            }
        }
    }
}

pub fn child(_: &[String]) {
    threads::scope(|scope| {
        let work = || {
            let _scope = TAG.enter();
            (0..100_000).for_each(|_| drop(std::hint::black_box(Box::new(7_u64))));
        };
        (0..4).for_each(|_| scope.spawn(work));
    });
    told::tell();
}
