//! The handler that names writes to frozen blocks leaves all else to std's:
//! a thread whose stack overflows is named by it, main and others.

use std::os::unix::process::ExitStatusExt;

use scrubjay::{Tag, Vault};
use scrubjay_tests::child;

use crate::raw;

static WEIGHTS: Tag = Tag::new("weights").vault(Vault::new().or_plain_locked().or_unlocked());

pub fn test() {
    for thread in ["main", "loader"] {
        let finished = child!().argument(thread).run();
        assert_eq!(finished.status.signal(), Some(libc::SIGABRT), "{finished:?}");
        let named = format!("thread '{thread}'");
        assert!(finished.errors.contains(&named), "{finished:?}");
        assert!(finished.errors.contains("has overflowed its stack"), "{finished:?}");
        assert!(!finished.errors.contains("scrubjay"), "{finished:?}");
    }
    // Any other fault ends the process as ever.
    let finished = child!().argument("null").run();
    assert_eq!(finished.status.signal(), Some(libc::SIGSEGV), "{finished:?}");
    assert_eq!(finished.errors, "");
}

pub fn child(arguments: &[String]) {
    WEIGHTS.freeze().expect("a vault without blocks can be frozen");
    match arguments[0].as_str() {
        "main" => overflow(0),
        "null" => raw::write_at(std::ptr::without_provenance_mut(64), 0),
        name => {
            let thread = std::thread::Builder::new().name(name.to_owned());
            let thread = thread.spawn(|| overflow(0)).expect("a thread starts");
            let _ = thread.join();
        }
    }
}

#[expect(unconditional_recursion, reason = "the stack is to overflow")]
#[inline(never)]
fn overflow(depth: u64) {
    let frame = std::hint::black_box([depth; 100]);
    overflow(frame[0] + 1);
    std::hint::black_box(frame);
}
