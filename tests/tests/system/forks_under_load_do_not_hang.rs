//! Forks while other threads allocate: every child allocates, counts and
//! leaves, none hangs; the parent's log holds no event of theirs.

use scrubjay::{Report, Tag};
use scrubjay_log_format::header;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::load::Load;
use scrubjay_tests::log::Log;
use scrubjay_tests::system::{self, Fork};
use scrubjay_tests::{child, harness, told};

static TAG: Tag = Tag::new("in the child");

pub fn test() {
    child!().succeed();
    for mode in ["count", "journal"] {
        let folder = Folder::new();
        let child = child!().log(&folder.join("%p.jay")).setting("SCRUBJAY_MODE", mode);
        let finished = child.succeed();
        assert_eq!(folder.files().len(), 1 + rounds());
        for path in folder.files() {
            let log = Log::read(&path);
            log.check();
            if log.header.process_id == finished.process {
                told::check(&log, &finished.output);
            } else {
                assert_eq!(log.header.flags, header::FLAG_FORKED | header::FLAG_APPROXIMATE);
                assert_eq!(log.ledger(TAG.name()).live(), (0, 0));
                assert_eq!(log.ledger(TAG.name()).allocated_blocks, 1_000);
            }
        }
    }
}

fn rounds() -> usize {
    harness::count(50, 500)
}

pub fn child(_: &[String]) {
    let load = Load::start(3);
    drop(TAG.enter());
    for _ in 0..rounds() {
        let forked = system::fork(Fork::Library, false, || {
            let scope = TAG.enter();
            (0..1_000).for_each(|size| drop(vec![1_u8; 1 + size * 7 % 5_000]));
            drop(scope);
            let report = Report::now();
            let stats = report.tag(TAG.name()).expect("the tag was entered");
            assert_eq!((stats.allocated_blocks, stats.live_blocks), (1_000, 0));
        });
        system::wait(forked);
    }
    load.stop();
    told::tell();
}
