//! 1,000 tags from four threads: each one's figures are its own; names of the
//! same text are one tag.

use std::sync::Mutex;

use scrubjay::Report;
use scrubjay_log_format::process;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, made, threads, told};

const TAGS: usize = 1_000;
const THREADS: usize = 4;

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
        assert_eq!(log.tags.len(), 1 + TAGS);
        assert_eq!(log.process[process::CELL_OVERFLOW_COUNT], 0);
    }
}

pub fn child(_: &[String]) {
    let kept = Mutex::new(Vec::with_capacity(TAGS * THREADS));
    threads::scope(|scope| {
        for thread in 0..THREADS {
            let kept = &kept;
            scope.spawn(move || {
                let tags = made::tags(TAGS);
                for number in 0..TAGS {
                    // Each thread in another order.
                    let number = (number * 7 + thread * 250) % TAGS;
                    let scope = tags[number].enter();
                    let block = vec![0_u8; 1 + number];
                    drop(vec![0_u8; 5]);
                    drop(scope);
                    kept.lock().expect("nobody panics").push(block);
                }
            });
        }
    });
    let report = Report::now();
    for number in 0..TAGS {
        let stats = report.tag(&made::name(number)).expect("the tag was entered");
        let live = (THREADS * (1 + number)) as u64;
        assert_eq!((stats.live_blocks, stats.live_bytes), (4, live), "{}", stats.name);
        assert_eq!((stats.allocated_blocks, stats.freed_bytes), (8, 20), "{}", stats.name);
    }
    told::tell();
    std::mem::forget(kept);
}
