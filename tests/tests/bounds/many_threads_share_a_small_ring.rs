//! A ring with fewer places than there are threads, 10,000 threads one after
//! another and hundreds at one time: none hangs, and what the journal has no
//! room for is counted. Once most of them have ended, their chunks serve others.

use std::sync::Barrier;

use scrubjay::Tag;
use scrubjay_log_format::process;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, harness, threads, told};

static TAG: Tag = Tag::new("short-lived");
/// At one time; the log has some 200 places for chunks of the journal.
const AT_ONCE: usize = 400;
const LAST_COUNT: usize = 1_000;
/// Below those of the threads, whose last events may stand in the ring, too.
const LAST_SIZE: usize = SMALLEST - 1;
const SMALLEST: usize = 100;

pub fn test() {
    let folder = Folder::new();
    let path = folder.join("run.jay");
    let finished = child!()
        .log(&path)
        .setting("SCRUBJAY_LIMIT", "ring")
        .setting("SCRUBJAY_LOG_LIMIT", "1M")
        .setting("SCRUBJAY_CHUNK_SIZE", "4K")
        .setting("SCRUBJAY_STACKS", "off")
        .succeed();
    let log = Log::read(&path);
    log.check();
    told::check(&log, &finished.output);
    assert!(log.process[process::THREAD_COUNT] >= (thread_count() + AT_ONCE) as u64);
    assert!(log.process[process::THREAD_LIVE_MAX] > AT_ONCE as u64);
    assert!(log.process[process::OVERWRITTEN_CHUNK_COUNT] > 0);
    let events = log.events.iter().map(|record| record.event);
    let last = events.filter(|event| event.kind.allocates() && event.size == LAST_SIZE as u64);
    assert_eq!(last.count(), LAST_COUNT);
}

fn thread_count() -> usize {
    harness::count(10_000, 100_000)
}

pub fn child(_: &[String]) {
    let work = |number: usize| {
        let _scope = TAG.enter();
        drop(vec![0_u8; SMALLEST + number]);
        std::mem::forget(std::hint::black_box(vec![0_u8; 3]));
    };
    threads::run(thread_count(), 8, work);
    let all_are_there = Barrier::new(AT_ONCE);
    threads::run(AT_ONCE, AT_ONCE, |number| {
        work(number);
        all_are_there.wait();
        (0..200).for_each(|_| work(number));
    });
    // One thread is left, and has the whole ring.
    let scope = TAG.enter();
    (0..LAST_COUNT).for_each(|_| drop(std::hint::black_box(vec![0_u8; LAST_SIZE])));
    drop(scope);
    told::tell();
}
