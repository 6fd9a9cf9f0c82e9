//! A disk that makes room slowly, here a helper thread that hardly gets to run:
//! with the policy `wait` nothing is lost, with `drop` nobody waits, and what is
//! dropped is counted.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use scrubjay::Tag;
use scrubjay_log_format::process;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, figures::Figures, harness, starved, threads, told};

static TAG: Tag = Tag::new("faster than the disk");
static IS_OVER: AtomicBool = AtomicBool::new(false);

pub fn test() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        harness::skip("with one processor all threads wait for the helper");
    }
    for full in ["wait", "drop"] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let child = child!().log(&path).setting("SCRUBJAY_FULL", full);
        let finished = child.setting("SCRUBJAY_STACKS", "off").succeed();
        assert_eq!(finished.errors, "");
        let log = Log::read(&path);
        log.check();
        told::check(&log, &finished.output);
        let mut dropped = Figures::default();
        log.cells.values().for_each(|cell| dropped += Figures::dropped(cell));
        let waits = log.process[process::WAIT_COUNT];
        if full == "wait" {
            assert_eq!(dropped, Figures::default());
            assert!(waits > 0, "the helper was not delayed");
        } else {
            assert_eq!(waits, 0);
            assert!(dropped.allocated_blocks > 0, "the helper was not delayed");
        }
    }
}

pub fn child(_: &[String]) {
    // It names itself once it runs.
    let helper = loop {
        match starved::thread_named("scrubjay") {
            Some(helper) => break helper,
            None => std::thread::yield_now(),
        }
    };
    assert!(starved::pin(helper, 0) && starved::make_idle(helper), "threads may be made slower");
    threads::scope(|scope| {
        scope.spawn(|| {
            starved::pin(0, 0);
            while !IS_OVER.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        scope.spawn(|| {
            starved::pin(0, 1);
            let _scope = TAG.enter();
            // More than four windows, which may be there already.
            (0..300_000).for_each(|_| drop(black_box(Box::new(7_u64))));
            IS_OVER.store(true, Ordering::Relaxed);
        });
    });
    told::tell();
}
