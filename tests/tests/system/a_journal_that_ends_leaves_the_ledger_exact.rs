//! Past the log's limit, or past a limit of file sizes, the journal ends: one
//! line says so, what it lacks is counted by slot and tag, and the ledger is
//! exact. Nothing kills the process.

use scrubjay::Tag;
use scrubjay_log_format::process;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, figures::Figures, threads, told};

static TAGS: [Tag; 3] = [Tag::new("limit/a"), Tag::new("limit/b"), Tag::new("limit/c")];

pub fn test() {
    let by_limit = (process::JOURNAL_END_LIMIT, "the log's limit is reached");
    let by_file = (process::JOURNAL_END_NO_SPACE, "the file gets no more room");
    for (limit, file_limit, full, chunk_size, end) in [
        ("3M", u64::MAX, "wait", "4K", by_limit),
        ("3M", u64::MAX, "drop", "64K", by_limit),
        ("1G", 5 << 20, "wait", "64K", by_file),
        ("1G", 5 << 20, "drop", "4K", by_file),
    ] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let finished = child!()
            .log(&path)
            .setting("SCRUBJAY_LOG_LIMIT", limit)
            .setting("SCRUBJAY_FULL", full)
            .setting("SCRUBJAY_CHUNK_SIZE", chunk_size)
            .file_size_limit(file_limit)
            .succeed();
        let (reason, why) = end;
        let line = format!("scrubjay: the journal ends here, the ledger goes on: {why}\n");
        assert_eq!(finished.errors, line);
        let log = Log::read(&path);
        log.check();
        told::check(&log, &finished.output);
        assert_eq!(log.process[process::JOURNAL_END_REASON], reason);
        assert_ne!(log.process[process::JOURNAL_END_TICKS], 0);
        let mut dropped = Figures::default();
        log.cells.values().for_each(|cell| dropped += Figures::dropped(cell));
        assert!(dropped.allocated_blocks > 10_000, "{dropped:?}");
        assert!(log.events.len() > 10_000, "{} events", log.events.len());
    }
}

pub fn child(_: &[String]) {
    threads::scope(|scope| {
        let work = || {
            let mut kept = Vec::new();
            for step in 0..60_000 {
                let _scope = TAGS[step % 3].enter();
                kept.push(vec![0_u8; 1 + step % 50]);
                if step % 7 > 0 {
                    kept.swap_remove(step % kept.len());
                }
            }
            std::mem::forget(kept);
        };
        (0..4).for_each(|_| scope.spawn(work));
    });
    told::tell();
}
