//! With verification on, a block that was written after its release is named,
//! with the first byte that changed, and the process aborts: when its place is
//! handed out again, or at exit if it never is. Without, nobody notices: the
//! control.

use std::os::unix::process::ExitStatusExt;

use scrubjay_log_format::process;
use scrubjay_tests::child;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::misuse::{self, TAG};

pub fn test() {
    for when in ["reuse", "exit"] {
        for mode in ["count", "journal"] {
            let (folder, child) = (Folder::new(), || child!().argument(when));
            let path = folder.join("run.jay");
            let verified = child().log(&path).setting("SCRUBJAY_VERIFY", "on");
            let finished = verified.setting("SCRUBJAY_MODE", mode).run();
            assert_eq!(finished.status.signal(), Some(libc::SIGABRT), "{finished:?}");
            let address = finished.output.lines().next().expect("an address");
            let (size, tag) = (misuse::SIZE, TAG.name());
            let expected = format!(
                "scrubjay: written after free, at byte 17 of the block at {address}, {size} bytes, \
                 tag {tag}\n"
            );
            assert_eq!(finished.errors, expected);
            let log = Log::read(&path);
            assert_eq!(log.process[process::STATE], process::STATE_CORRUPTION);
            let finished = child().run();
            assert!(finished.status.success(), "{finished:?}");
        }
    }
}

pub fn child(arguments: &[String]) {
    misuse::write_after_free();
    if arguments[0] == "reuse" {
        misuse::take_one();
        println!("goes on");
    }
}
