//! With verification on, a program that does nothing wrong runs as ever, its
//! books balance, and blocks really come back from where they were held: on
//! four threads, in both modes, with reallocs and zeroed allocations, and in a
//! forked child.

use scrubjay_log_format::process;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::load::Load;
use scrubjay_tests::log::Log;
use scrubjay_tests::system::{self, Fork};
use scrubjay_tests::{child, harness};

pub fn test() {
    for mode in ["count", "journal"] {
        let folder = Folder::new();
        let path = folder.join("run-%p.jay");
        let child = child!().log(&path).setting("SCRUBJAY_MODE", mode);
        child.setting("SCRUBJAY_VERIFY", "on").succeed();
        let logs = folder.files();
        assert_eq!(logs.len(), 2, "{logs:?}");
        for path in logs {
            let log = Log::read(&path);
            log.check();
            let verified = log.process[process::VERIFIED_COUNT];
            assert!(verified > 1_000, "{verified} blocks came back");
        }
    }
}

pub fn child(_: &[String]) {
    let work = || {
        let load = Load::start(4);
        std::thread::sleep(std::time::Duration::from_millis(harness::count(200, 5_000) as u64));
        load.stop();
    };
    work();
    let child = system::fork(Fork::Library, true, work);
    system::wait(child);
}
