//! A log that starts while four threads allocate from a thousand sites has all
//! sites of before, and once all is quiet they add up to the cells.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scrubjay::Tag;
use scrubjay_log_format::cell;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, cli, harness, paths, threads};

static BEFORE: Tag = Tag::new("before");
static DURING: Tag = Tag::new("during");
const DEPTH: u32 = 10;

pub fn test() {
    for mode in ["count", "journal"] {
        for round in 0..harness::count(4, 100) {
            let folder = Folder::new();
            let path = folder.join("late.jay");
            let child = child!().argument(&path).argument(round.to_string());
            child.setting("SCRUBJAY_MODE", mode).setting("SCRUBJAY_STACKS", "on").succeed();
            let log = Log::read(&path);
            log.check();
            // Each site has what the journal tells of it, too.
            let said = cli::run(["log".as_ref(), "verify".as_ref(), path.as_os_str()]);
            assert_eq!(said.status.code(), Some(0), "{mode}: {said:?}");
            for tag in [&BEFORE, &DURING] {
                let tag = log.tag(tag.name());
                let cell = log.cell(tag);
                let places = [
                    cell::ALLOCATED_BYTES,
                    cell::ALLOCATED_BLOCKS,
                    cell::FREED_BYTES,
                    cell::FREED_BLOCKS,
                ];
                assert_eq!(log.site_sums_of(tag), places.map(|word| cell[word]), "{mode}");
                let own = log.sites.values().filter(|site| site.tag == tag);
                assert!(own.clone().count() >= 1 << DEPTH);
                assert!(own.map(|site| log.frames(site.index)).all(|frames| frames.len() > 20));
            }
        }
    }
}

pub fn child(arguments: &[String]) {
    let round: u64 = arguments[1].parse().expect("a number");
    let all_paths = |tag: &'static Tag| {
        let _scope = tag.enter();
        for number in 0..1 << DEPTH {
            paths::walk(number, DEPTH, &mut || drop(std::hint::black_box(vec![1_u8; 100])));
        }
    };
    all_paths(&BEFORE);
    let stops = AtomicBool::new(false);
    threads::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // Once at least, however late it gets to run.
                loop {
                    all_paths(&DURING);
                    if stops.load(Ordering::Relaxed) {
                        break;
                    }
                }
                // A thread that moves its cache to the log's own counters.
                all_paths(&BEFORE);
            });
        }
        std::thread::sleep(Duration::from_micros(3_000 + 371 * round));
        scrubjay::start_log(&arguments[0]).expect("a log can be started");
        std::thread::sleep(Duration::from_millis(5));
        stops.store(true, Ordering::Relaxed);
    });
    all_paths(&BEFORE);
}
