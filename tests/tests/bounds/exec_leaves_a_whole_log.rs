//! A process that becomes another program by `exec` leaves its log whole; the new
//! program, under the same process id, has one of its own.

use std::os::unix::process::CommandExt;
use std::process::Command;

use scrubjay::Tag;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, told};

static BEFORE: Tag = Tag::new("before");
static AFTER: Tag = Tag::new("after");

pub fn test() {
    for mode in ["count", "journal"] {
        let folder = Folder::new();
        let child = child!().log(&folder.join("%p-%n.jay")).setting("SCRUBJAY_MODE", mode);
        let finished = child.argument("before").succeed();
        assert_eq!(finished.errors, "");
        assert_eq!(folder.files().len(), 2);
        let logs = [0, 1].map(|number| {
            let log = Log::read(&folder.join(format!("{}-{number}.jay", finished.process)));
            log.check();
            log
        });
        let [before, after] = &logs;
        assert_eq!(before.ledger(BEFORE.name()).live(), (1_000, 10));
        let has_tag =
            |log: &Log, tag: &Tag| log.tags.values().any(|known| known.name == tag.name());
        assert!(!has_tag(before, &AFTER) && !has_tag(after, &BEFORE));
        told::check(after, &finished.output);
        assert_eq!(after.ledger(AFTER.name()).live(), (70, 1));
    }
}

pub fn child(arguments: &[String]) {
    if arguments[0] == "after" {
        let _scope = AFTER.enter();
        std::mem::forget(std::hint::black_box(vec![0_u8; 70]));
        drop(_scope);
        told::tell();
        return;
    }
    let program = std::env::current_exe().expect("programs have a path");
    let mut command = Command::new(program);
    let own: Vec<String> = std::env::args().skip(1).collect();
    command.args(&own[..own.len() - 1]).arg("after");
    let scope = BEFORE.enter();
    (0..10).for_each(|_| std::mem::forget(std::hint::black_box(vec![0_u8; 100])));
    drop(scope);
    panic!("{}", command.exec());
}
