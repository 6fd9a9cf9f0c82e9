//! A forked child keeps what was live and starts its totals at zero; it writes
//! a log of its own where its parent has one, and none otherwise. The parent's
//! figures and log do not notice. So, too, without the C library's hooks.

use scrubjay::{Report, Tag};
use scrubjay_log_format::{header, tag};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::system::{self, Fork};
use scrubjay_tests::{child, told};

static TAG: Tag = Tag::new("inherited");

pub fn test() {
    for how in ["library", "raw"] {
        for by in ["exit", "_exit"] {
            for mode in ["count", "journal"] {
                with_a_log(how, by, mode);
            }
            let folder = Folder::new();
            child!().folder(&folder).argument(how).argument(by).succeed();
            assert!(folder.files().is_empty(), "a log that nobody asked for");
        }
    }
}

fn with_a_log(how: &str, by: &str, mode: &str) {
    let folder = Folder::new();
    let child = child!().log(&folder.join("%p.jay")).setting("SCRUBJAY_MODE", mode);
    let finished = child.argument(how).argument(by).succeed();
    let forked = finished.output.lines().find_map(|line| line.strip_prefix("forked "));
    let forked: u32 = forked.expect("the child is named").parse().expect("a number");
    assert_eq!(folder.files().len(), 2);

    let log = Log::read(&folder.join(format!("{}.jay", finished.process)));
    log.check();
    told::check(&log, &finished.output);
    assert_eq!(log.header.flags, 0);
    assert_eq!(log.ledger(TAG.name()).live(), (10_000, 10));

    let log = Log::read(&folder.join(format!("{forked}.jay")));
    log.check();
    assert_eq!((log.header.process_id, log.header.parent_id), (forked, finished.process));
    let approximate = if how == "raw" { header::FLAG_APPROXIMATE } else { 0 };
    assert_eq!(log.header.flags, header::FLAG_FORKED | approximate);
    let totals = log.totals[&log.tag(TAG.name())];
    assert_eq!((totals[tag::INHERITED_BYTES], totals[tag::INHERITED_BLOCKS]), (10_000, 10));
    let own = log.ledger(TAG.name());
    assert_eq!((own.allocated_blocks, own.freed_blocks), (5, 3 + 1));
}

pub fn child(arguments: &[String]) {
    let how = if arguments[0] == "raw" { Fork::Raw } else { Fork::Library };
    let mut blocks: Vec<Vec<u8>> = Vec::with_capacity(20);
    let mut scope = Some(TAG.enter());
    blocks.extend((0..10).map(|_| vec![1; 1_000]));
    drop(vec![0_u8; 77]);
    let forked = system::fork(how, arguments[1] == "exit", || {
        blocks.truncate(7);
        blocks.extend((0..5).map(|_| vec![2; 2_000]));
        blocks.pop();
        drop(scope.take());
        let report = Report::now();
        let stats = report.tag(TAG.name()).expect("the tag was entered");
        assert_eq!((stats.live_blocks, stats.live_bytes), (11, 15_000));
        assert_eq!((stats.allocated_blocks, stats.allocated_bytes), (5, 10_000));
        assert_eq!((stats.freed_blocks, stats.freed_bytes), (4, 5_000));
        assert_eq!(stats.peak_bytes, 17_000);
        std::mem::forget(std::mem::take(&mut blocks));
    });
    drop(scope);
    system::wait(forked);
    println!("forked {forked}");
    told::tell();
    std::mem::forget(blocks);
}
