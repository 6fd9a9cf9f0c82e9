//! A refused allocation stands in the log of a process that was killed, with tag, size,
//! budget and the function that asked for it, in every mode; the journal has it as a
//! failed allocation, too.

use scrubjay::{Budget, Tag};
use scrubjay_log_format::EventKind;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, cli};

use super::blocks::Block;

static TAG: Tag = Tag::new("limited").budget(Budget::hard(1 << 20));

pub fn test() {
    for mode in ["count", "sample", "journal"] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let mut running = child!().log(&path).setting("SCRUBJAY_MODE", mode).start();
        running.lines_until_pause();
        running.kill();
        drop(running.finish());
        let log = Log::read(&path);
        let tag = log.tag("limited");
        assert_eq!(log.ledger("limited").failed_count, 3, "{mode}");
        if mode == "journal" {
            let failed = |size: u64| {
                let is_it = |event: &&scrubjay_log_format::Event| {
                    event.kind == EventKind::Failed && event.size == size
                };
                log.events.iter().map(|record| &record.event).filter(is_it).count()
            };
            assert_eq!(failed(5 << 20), 3);
            let sites = log.events.iter().filter(|record| record.event.kind == EventKind::Failed);
            assert!(sites.into_iter().all(|record| log.tag_of(record.event.site) == tag));
        }
        let told = cli::run(["budgets".as_ref(), path.as_os_str()]);
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let line = "5.0 MiB for limited refused by limited: 0 B of 1.0 MiB handed out";
        for part in [line, "asks_for_too_much"] {
            assert_eq!(told.matches(part).count(), 3, "{mode}: {part} in\n{told}");
        }
        let verified = cli::run(["log".as_ref(), "verify".as_ref(), path.as_os_str()]);
        assert!(verified.status.success(), "{verified:?}");
    }
}

pub fn child(_: &[String]) {
    for _ in 0..3 {
        asks_for_too_much();
    }
    child::pause();
}

#[inline(never)]
fn asks_for_too_much() {
    let _scope = TAG.enter();
    assert!(std::hint::black_box(Block::new(5 << 20, 0)).is_none());
}
