//! 10,000 short-lived threads: totals are exact, and the log has cells and
//! journal chunks for as many threads as lived at one time, not for each.

use scrubjay::{Report, Tag};
use scrubjay_log_format::{event, process};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, harness, threads, told};

static TAG: Tag = Tag::new("short-lived");
const AT_ONCE: usize = 8;

pub fn test() {
    for mode in ["count", "journal"] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let finished = child!().log(&path).setting("SCRUBJAY_MODE", mode).succeed();
        let log = Log::read(&path);
        log.check();
        told::check(&log, &finished.output);
        let count = thread_count() as u64;
        assert!(log.process[process::THREAD_COUNT] >= count);
        let at_once = log.process[process::THREAD_LIVE_MAX];
        assert!(at_once <= AT_ONCE as u64 + 1, "{at_once} threads at once");
        // Itself, the main thread and the orphans: one group of tags each.
        assert!(log.threads.len() <= AT_ONCE + 2, "{} slots", log.threads.len());
        assert!(log.page_count <= AT_ONCE + 2, "{} pages of cells", log.page_count);
        let chunks: u64 = log.journal_chunks.values().sum();
        let needed = (log.events.len() as u64 + count) * event::SIZE as u64
            / u64::from(log.header.chunk_size);
        assert!(chunks <= needed + needed / 10 + AT_ONCE as u64 + 2, "{chunks}, not {needed}");
    }
}

fn thread_count() -> usize {
    harness::count(10_000, 100_000)
}

pub fn child(_: &[String]) {
    threads::run(thread_count(), AT_ONCE, |number| {
        let _scope = TAG.enter();
        drop(vec![0_u8; 1 + number]);
        std::mem::forget(std::hint::black_box(vec![0_u8; 3]));
    });
    let count = thread_count() as u64;
    let report = Report::now();
    let stats = report.tag(TAG.name()).expect("the tag was entered");
    assert_eq!((stats.allocated_blocks, stats.freed_blocks), (2 * count, count));
    assert_eq!(stats.freed_bytes, count * (count + 1) / 2);
    assert_eq!(stats.live_bytes, 3 * count);
    told::tell();
}
