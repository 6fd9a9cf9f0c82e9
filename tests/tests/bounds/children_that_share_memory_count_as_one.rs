//! A child that shares the memory (`CLONE_VM`) counts in its parent's ledger, as a
//! thread would; one that only starts a program (`vfork` and `exec`, as
//! `std::process::Command` does) leaves the parent's log as it is.

use std::process::Command;

use scrubjay::Tag;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, clones, harness, system, told};

static SHARED: Tag = Tag::new("shared");
static LEAF: Tag = Tag::new("leaf");

pub fn test() {
    for mode in ["count", "journal"] {
        let folder = Folder::new();
        let child = child!().log(&folder.join("%p.jay")).setting("SCRUBJAY_MODE", mode);
        let finished = child.argument("parent").succeed();
        assert_eq!(finished.errors, "");
        let logs = folder.files();
        assert_eq!(logs.len(), 1 + 2 * starts());
        for path in logs {
            let log = Log::read(&path);
            log.check();
            assert_eq!(log.header.flags, 0);
            if log.header.process_id == finished.process {
                told::check(&log, &finished.output);
                let told = log.ledger(SHARED.name());
                assert_eq!((told.allocated_blocks, told.freed_blocks), (3_000, 2_000));
            } else {
                assert_eq!(log.ledger(LEAF.name()).live(), (50, 1));
            }
        }
    }
}

fn starts() -> usize {
    harness::count(5, 50)
}

pub fn child(arguments: &[String]) {
    if arguments[0] == "leaf" {
        let _scope = LEAF.enter();
        std::mem::forget(std::hint::black_box(vec![0_u8; 50]));
        return;
    }
    let program = std::env::current_exe().expect("programs have a path");
    let own: Vec<String> = std::env::args().skip(1).collect();
    let mut leaf: Vec<&str> = own[..own.len() - 1].iter().map(String::as_str).collect();
    leaf.push("leaf");
    for _ in 0..starts() {
        let status = Command::new(&program).args(&leaf).status().expect("the program starts");
        assert!(status.success());
        system::wait(clones::vfork_and_exec(&program, &leaf));
    }
    let mut kept = Vec::with_capacity(1_000);
    let shared = clones::run_sharing(|| {
        let _scope = SHARED.enter();
        (0..2_000).for_each(|_| drop(std::hint::black_box(vec![0_u8; 30])));
        kept.extend((0..1_000).map(|_| vec![0_u8; 40]));
    });
    system::wait(shared);
    assert_eq!(kept.len(), 1_000);
    told::tell();
    std::mem::forget(kept);
}
