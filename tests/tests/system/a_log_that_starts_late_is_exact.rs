//! A log that is started by a call while four threads allocate: once all is
//! quiet, base and journal add up to the cells, and the cells to what the
//! process counts from its beginning. Threads that rested meanwhile, threads
//! that had ended, and orphans are in it.

use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

use scrubjay::{Report, Tag};
use scrubjay_log_format::header;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::load::Load;
use scrubjay_tests::log::Log;
use scrubjay_tests::system::Key;
use scrubjay_tests::{child, harness, threads, told};

static RESTING: Tag = Tag::new("resting");
static ENDED: Tag = Tag::new("ended");

pub fn test() {
    for mode in ["count", "journal"] {
        for round in 0..harness::count(6, 100) {
            let folder = Folder::new();
            let path = folder.join("late.jay");
            let finished = child!()
                .setting("SCRUBJAY_MODE", mode)
                .argument(&path)
                .argument(round.to_string())
                .succeed();
            let log = Log::read(&path);
            log.check();
            told::check(&log, &finished.output);
            assert!(log.header.has(header::FLAG_LATE));
            assert_eq!(log.ledger(RESTING.name()).live(), (300, 3));
            assert_eq!(log.ledger(ENDED.name()).live(), (500, 5));
            assert!(mode == "count" || log.events.len() > 1_000, "{}", log.events.len());
        }
    }
}

/// Waits until so many blocks more were allocated.
fn wait_for_blocks(count: u64) {
    let allocated = || Report::now().total.allocated_blocks;
    let wanted = allocated() + count;
    while allocated() < wanted {
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub fn child(arguments: &[String]) {
    let round: u64 = arguments[1].parse().expect("a number");
    let key = Key::new();
    threads::run(5, 2, |_| {
        let _scope = ENDED.enter();
        std::mem::forget(std::hint::black_box(vec![1_u8; 100]));
        key.at_thread_end(|| drop(vec![1_u8; 10]));
    });
    let barrier = Barrier::new(4);
    let load = Load::start(4);
    threads::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let tag = RESTING.enter();
                std::mem::forget(std::hint::black_box(vec![1_u8; 100]));
                drop(tag);
                barrier.wait();
                // Rests while the log starts, and then has events once more.
                barrier.wait();
                drop(vec![1_u8; 10]);
            });
        }
        barrier.wait();
        std::thread::sleep(Duration::from_micros(3_000 + 371 * round));
        let started = scrubjay::start_log(&arguments[0]).expect("a log can be started");
        assert_eq!(started, Path::new(&arguments[0]));
        scrubjay::start_log("another.jay").expect_err("there is a log already");
        wait_for_blocks(5_000);
        barrier.wait();
    });
    threads::run(5, 2, |_| {
        let _scope = ENDED.enter();
        key.at_thread_end(|| drop(vec![1_u8; 10]));
    });
    load.stop();
    told::tell();
}
