//! A daemon: forked twice, the leader of a session, all descriptors closed. Each
//! of the three processes leaves a whole log of its own, and none hangs.

use std::time::{Duration, Instant};

use scrubjay::Tag;
use scrubjay_log_format::header;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::system::{self, Fork};
use scrubjay_tests::{child, clones};

static PARENT: Tag = Tag::new("parent");
static DAEMON: Tag = Tag::new("daemon");

pub fn test() {
    for closes in ["before", "after"] {
        let folder = Folder::new();
        let child = child!().log(&folder.join("%p.jay")).folder(&folder).argument(closes);
        let finished = child.succeed();
        let start = Instant::now();
        while !folder.join("done").exists() {
            assert!(start.elapsed() < Duration::from_secs(60), "the daemon hangs");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(finished.errors, "");
        let files = folder.files();
        let logs = files.iter().filter(|path| path.extension().is_some_and(|end| end == "jay"));
        let (mut count, mut daemons) = (0, 0);
        for path in logs {
            let log = Log::read(path);
            log.check();
            count += 1;
            let forked = log.header.has(header::FLAG_FORKED);
            assert_eq!(forked, log.header.process_id != finished.process);
            assert_eq!(log.ledger(PARENT.name()).allocated_blocks, if forked { 0 } else { 5 });
            if log.tags.values().any(|tag| tag.name == DAEMON.name()) {
                daemons += 1;
                assert_eq!(log.ledger(DAEMON.name()).allocated_blocks, 100_000);
            }
        }
        assert_eq!((count, daemons), (3, 1));
    }
}

pub fn child(arguments: &[String]) {
    let closes_before = arguments[0] == "before";
    let scope = PARENT.enter();
    (0..5).for_each(|_| std::mem::forget(std::hint::black_box(vec![0_u8; 100])));
    drop(scope);
    let middle = system::fork(Fork::Library, false, || {
        clones::leave_session();
        drop(std::hint::black_box(vec![0_u8; 10]));
        let _ = system::fork(Fork::Library, true, || {
            if closes_before {
                system::close_all();
            }
            let scope = DAEMON.enter();
            (0..100_000).for_each(|_| drop(std::hint::black_box(Box::new(7_u64))));
            drop(scope);
            if !closes_before {
                system::close_all();
            }
            // The parent may look at the logs from here on.
            extern "C" fn done() {
                let _ = std::fs::write("done.part", "");
                let _ = std::fs::rename("done.part", "done");
            }
            system::at_exit(done);
        });
    });
    system::wait(middle);
}
