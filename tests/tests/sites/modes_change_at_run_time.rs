//! The mode can be changed while threads allocate: what a paused journal did not
//! get is counted as dropped, so that ledger and journal still agree; a log that
//! began without a journal cannot get one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use scrubjay::{Mode, ModeError, Tag, set_mode};
use scrubjay_log_format::{cell, process, site};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, paths, threads};

static TAG: Tag = Tag::new("changing");
const PAUSED: &str = "paused";
/// Blocks that are allocated in each mode, at least: 40 times what lies between
/// two samples.
const WALKS: usize = 2_000;

pub fn test() {
    let folder = Folder::new();
    let path = folder.join("journal.jay");
    child!().log(&path).argument(PAUSED).succeed();
    let log = Log::read(&path);
    log.check();
    let cell = log.cell(log.tag(TAG.name()));
    assert!(cell[cell::DROPPED_ALLOCATED_BLOCKS] > 0, "nothing happened in the pause");
    assert!(log.events.len() > 1_000, "{} events", log.events.len());
    assert_eq!(log.process[process::MODE_CHANGE_COUNT], 4);
    assert_eq!(log.process[process::MODE] & 0xFF, Mode::Journal as u64);
    assert!(log.sites.values().any(|site| site.has(site::FLAG_SAMPLED)), "no sample");

    let path = folder.join("count.jay");
    child!().log(&path).setting("SCRUBJAY_MODE", "count").succeed();
    let log = Log::read(&path);
    log.check();
    let own: Vec<_> = log.sites.values().collect();
    assert!(!own.is_empty() && own.iter().all(|site| site.has(site::FLAG_SAMPLED)), "{own:?}");
}

pub fn child(arguments: &[String]) {
    let (stops, walks) = (AtomicBool::new(false), AtomicUsize::new(0));
    threads::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let _scope = TAG.enter();
                while !stops.load(Ordering::Relaxed) {
                    for number in 0..256 {
                        paths::walk(number, 8, &mut || {
                            drop(std::hint::black_box(vec![1_u8; 10_000]));
                        });
                        walks.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        // However little the others get to run meanwhile.
        let rest = || {
            let enough = walks.load(Ordering::Relaxed) + WALKS;
            while walks.load(Ordering::Relaxed) < enough {
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        rest();
        if arguments.first().is_some_and(|argument| argument == PAUSED) {
            for (mode, before) in [
                (Mode::Count, Mode::Journal),
                (Mode::Journal, Mode::Count),
                (Mode::Sample, Mode::Journal),
                (Mode::Journal, Mode::Sample),
            ] {
                assert_eq!(set_mode(mode), Ok(before));
                rest();
            }
        } else {
            assert_eq!(set_mode(Mode::Journal), Err(ModeError::NoJournal));
            assert_eq!(set_mode(Mode::Sample), Ok(Mode::Count));
            rest();
            assert_eq!(set_mode(Mode::Count), Ok(Mode::Sample));
        }
        stops.store(true, Ordering::Relaxed);
    });
}
