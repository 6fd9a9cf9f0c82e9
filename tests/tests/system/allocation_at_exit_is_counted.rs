//! What C functions allocate and free that run at the process's exit is in the
//! log, which says that the process left by itself.

use std::sync::Mutex;

use scrubjay::Tag;
use scrubjay_log_format::process;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, system};

static LATE: Tag = Tag::new("at exit");
static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

pub fn test() {
    for mode in ["count", "journal"] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        child!().log(&path).setting("SCRUBJAY_MODE", mode).succeed();
        let log = Log::read(&path);
        log.check();
        let late = log.ledger(LATE.name());
        assert_eq!((late.allocated_blocks, late.freed_blocks), (7 + 5, 7));
        assert_eq!(late.live(), (5 * 300, 5));
        assert_eq!(log.process[process::STATE], process::STATE_EXITED);
    }
}

pub fn child(_: &[String]) {
    KEPT.lock().expect("nobody panics").reserve(7);
    let _scope = LATE.enter();
    KEPT.lock().expect("nobody panics").extend((0..7).map(|_| vec![0; 200]));
    system::at_exit(free_and_allocate);
}

extern "C" fn free_and_allocate() {
    let _scope = LATE.enter();
    if let Ok(mut kept) = KEPT.lock() {
        kept.clear();
    }
    for _ in 0..5 {
        std::mem::forget(std::hint::black_box(vec![0_u8; 300]));
    }
}
