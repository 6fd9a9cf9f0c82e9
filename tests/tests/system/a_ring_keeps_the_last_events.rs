//! Past its limit a log with the policy `ring` keeps the last events: older
//! chunks are overwritten, what they held is counted by slot, tag and kind, and
//! ledger = journal + that. One line says so.

use std::sync::Barrier;

use scrubjay::Tag;
use scrubjay_log_format::{EventKind, process, thread};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, figures::Figures, threads, told};

static TAGS: [Tag; 3] = [Tag::new("ring/a"), Tag::new("ring/b"), Tag::new("ring/c")];
/// The last that each thread allocates: its number of them, of this size.
const LAST_COUNT: usize = 50;
const LAST_SIZE: usize = 4_321;
const THREADS: usize = 4;

pub fn test() {
    let by_limit = "the log's limit is reached";
    let by_file = "the file gets no more room";
    for (limit, file_limit, chunk_size, why) in [
        ("1M", u64::MAX, "4K", by_limit),
        ("3M", u64::MAX, "64K", by_limit),
        ("1G", 5 << 20, "64K", by_file),
    ] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let finished = child!()
            .log(&path)
            .setting("SCRUBJAY_LOG_LIMIT", limit)
            .setting("SCRUBJAY_LIMIT", "ring")
            .setting("SCRUBJAY_CHUNK_SIZE", chunk_size)
            .setting("SCRUBJAY_STACKS", "off")
            .file_size_limit(file_limit)
            .succeed();
        let what = "the journal's oldest events are overwritten from here on, and counted";
        assert_eq!(finished.errors, format!("scrubjay: {why}: {what}\n"));
        let log = Log::read(&path);
        log.check();
        told::check(&log, &finished.output);
        check(&log);
    }
}

fn check(log: &Log) {
    assert_eq!(log.process[process::JOURNAL_END_TICKS], 0);
    assert_eq!(log.process[process::JOURNAL_END_REASON], 0);
    assert!(log.going.is_empty());
    let taken: u64 = log.threads.values().map(|slot| slot.words[thread::CHUNK_COUNT]).sum();
    let found: u64 = log.journal_chunks.values().sum();
    let overwritten = log.process[process::OVERWRITTEN_CHUNK_COUNT];
    assert!(overwritten > 0);
    assert_eq!(taken, found + overwritten);
    let mut dropped = Figures::default();
    log.cells.values().for_each(|cell| dropped += Figures::dropped(cell));
    let count = dropped.allocated_blocks + dropped.freed_blocks + dropped.failed_count;
    assert!(count > 10_000, "{dropped:?}");
    // Others were dropped for want of a chunk, where all were open.
    assert!(log.process[process::OVERWRITTEN_EVENT_COUNT] <= count);
    let is_last = |kind: EventKind, size: u64| kind.allocates() && size == LAST_SIZE as u64;
    let last = log.events.iter().filter(|record| is_last(record.event.kind, record.event.size));
    assert_eq!(last.count(), THREADS * LAST_COUNT);
}

pub fn child(_: &[String]) {
    // Whoever is done early would see others overwrite its last events.
    let all_are_done = Barrier::new(THREADS);
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
            all_are_done.wait();
            let _scope = TAGS[0].enter();
            kept.extend((0..LAST_COUNT).map(|_| vec![0_u8; LAST_SIZE]));
            std::mem::forget(kept);
        };
        (0..THREADS).for_each(|_| scope.spawn(work));
    });
    told::tell();
}
