//! What a thread allocates while it ends is counted under the scope that is
//! active then: in the destructors of thread-locals, and behind scrubjay's own
//! hook in those of C thread keys.

use scrubjay::{Report, Tag};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::system::Key;
use scrubjay_tests::{child, threads, told};

static BEFORE: Tag = Tag::new("before the hook");
static BEHIND: Tag = Tag::new("behind the hook");
const THREADS: usize = 40;

struct AllocatesInItsEnd;

impl Drop for AllocatesInItsEnd {
    fn drop(&mut self) {
        leave_one_of_two(&BEFORE);
    }
}

thread_local! {
    static LOCAL: AllocatesInItsEnd = const { AllocatesInItsEnd };
}

fn leave_one_of_two(tag: &'static Tag) {
    let _scope = tag.enter();
    drop(vec![1_u8; 50]);
    std::mem::forget(std::hint::black_box(vec![1_u8; 70]));
}

pub fn test() {
    for mode in ["count", "journal"] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let finished = child!().log(&path).setting("SCRUBJAY_MODE", mode).succeed();
        let log = Log::read(&path);
        log.check();
        told::check(&log, &finished.output);
        for tag in [&BEFORE, &BEHIND] {
            let live = log.ledger(tag.name()).live();
            assert_eq!(live, (70 * THREADS as i64, THREADS as i64), "{}", tag.name());
        }
    }
}

pub fn child(_: &[String]) {
    let key = Key::new();
    threads::run(THREADS, 4, |_| {
        LOCAL.with(|_| ());
        key.at_thread_end(|| leave_one_of_two(&BEHIND));
    });
    let report = Report::now();
    for tag in [&BEFORE, &BEHIND] {
        let stats = report.tag(tag.name()).expect("the tag was entered");
        assert_eq!((stats.allocated_blocks, stats.live_blocks), (2 * 40, 40), "{}", stats.name);
    }
    told::tell();
}
