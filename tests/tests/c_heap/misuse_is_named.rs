//! A C block that is freed or resized twice, or written one byte too far, is
//! named on standard error and aborts; where policy says so it is counted, and
//! never handed out again.
#![expect(unsafe_code, reason = "misuses the C library")]

use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;

use scrubjay_log_format::process;
use scrubjay_tests::child;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;

use crate::c::{self, Block};

const MISUSES: [(&str, &str); 4] = [
    ("free-free", "double free of"),
    ("free-realloc", "double free of"),
    ("nul-behind", "overflow by at least one byte behind"),
    ("byte-behind", "overflow by at least one byte behind"),
];

pub fn test() {
    for (misuse, expected) in MISUSES {
        for mode in ["count", "journal"] {
            for policy in ["abort", "count"] {
                let folder = Folder::new();
                let path = folder.join("run.jay");
                let child = child!().log(&path).setting("SCRUBJAY_MODE", mode);
                let finished = child.setting("SCRUBJAY_CORRUPTION", policy).argument(misuse).run();
                let (address, size) = finished.output.trim().split_once(' ').expect("two words");
                assert_eq!(
                    finished.errors,
                    format!(
                        "scrubjay: {expected} the block at {address}, {size} bytes, tag {}\n",
                        c::TAG
                    ),
                    "{misuse}, {mode}"
                );
                let signal = if policy == "abort" { Some(libc::SIGABRT) } else { None };
                assert_eq!(finished.status.signal(), signal, "{misuse}: {finished:?}");
                assert!(finished.status.success() || policy == "abort", "{finished:?}");
                let log = Log::read(&path);
                assert_eq!(log.process[process::CORRUPTION_COUNT], 1);
                assert_eq!(log.process[process::PASSED_THROUGH_COUNT], 0);
            }
        }
    }
}

pub fn child(arguments: &[String]) {
    let mut block = Block::new(100);
    block.bytes().fill(0xA5);
    println!("{:#x} {}", block.address(), block.size());
    let place = match &arguments[0][..] {
        "nul-behind" | "byte-behind" => {
            // SAFETY: none; it is what faulty programs do.
            let behind = unsafe { block.bytes_behind(1) };
            behind[0] = if arguments[0] == "nul-behind" { 0 } else { behind[0] ^ 0x40 };
            block.leave()
        }
        _ => {
            let place = block.leave();
            // SAFETY: the block is live.
            unsafe { libc::free(black_box(place)) };
            place
        }
    };
    if arguments[0] == "free-realloc" {
        // SAFETY: none; it is what faulty programs do.
        let resized = unsafe { libc::realloc(black_box(place), 300) };
        assert!(resized.is_null());
    } else {
        // SAFETY: as above.
        unsafe { libc::free(black_box(place)) };
    }
    let is_new = (0..2_000).map(|_| Block::new(100)).collect::<Vec<_>>();
    let again = is_new.iter().filter(|block| block.address() == place.addr()).count();
    // Freed once, it is anybody's once.
    assert!(again <= 1, "handed out {again} times");
}
