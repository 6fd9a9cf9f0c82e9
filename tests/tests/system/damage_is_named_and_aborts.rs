//! A damaged block is named on standard error, with what can be known of it,
//! and the process aborts: an overflow by one byte (also by a NUL), a second
//! release, a release with another size.

use std::os::unix::process::ExitStatusExt;

use scrubjay_log_format::process;
use scrubjay_tests::child;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::misuse::{self, MISUSES, TAG};

pub fn test() {
    for (name, expected) in MISUSES {
        for mode in ["count", "journal"] {
            let folder = Folder::new();
            let path = folder.join("run.jay");
            let child = child!().log(&path).setting("SCRUBJAY_MODE", mode);
            let finished = child.argument(name).run();
            assert_eq!(finished.status.signal(), Some(libc::SIGABRT), "{name}: {finished:?}");
            let address = finished.output.trim();
            let expected = expected.replace("ADDRESS", address).replace("TAG", TAG.name());
            assert_eq!(finished.errors, format!("scrubjay: {expected}\n"), "{name}");
            let log = Log::read(&path);
            assert_eq!(log.process[process::STATE], process::STATE_CORRUPTION);
            assert_eq!(log.process[process::CORRUPTION_COUNT], 1);
        }
    }
}

pub fn child(arguments: &[String]) {
    misuse::commit(&arguments[0]);
    println!("goes on");
}
