//! A touch of the guards around a vault block is a fault, and named: behind it,
//! in front of it, and where a block was. An overrun of fewer bytes than the
//! trailer has is named at the release. So are a second release and one with
//! another size.

use std::alloc::Layout;
use std::os::unix::process::ExitStatusExt;

use scrubjay::{Tag, Vault};
use scrubjay_tests::child;

use crate::raw;

static KEY: Tag = Tag::new("key").vault(Vault::new().or_plain_locked().or_unlocked());

const SIZE: usize = 33;
const TRAILER_SIZE: isize = 8;

const CASES: [(&str, i32, &str); 7] = [
    ("behind", libc::SIGSEGV, "overrun of the vault block at ADDRESS (33 bytes, tag key)"),
    ("page behind", libc::SIGSEGV, "overrun of the vault block at ADDRESS (33 bytes, tag key)"),
    ("in front", libc::SIGSEGV, "underrun of the vault block at ADDRESS (33 bytes, tag key)"),
    (
        "after free",
        libc::SIGSEGV,
        "touch of ADDRESS, where a vault block may have been: none is there",
    ),
    (
        "trailer",
        libc::SIGABRT,
        "overflow by at least one byte behind the block at ADDRESS, 33 bytes, tag key",
    ),
    (
        "twice",
        libc::SIGABRT,
        "double free, or a pointer to no block: vault block at ADDRESS, 33 bytes",
    ),
    (
        "layout",
        libc::SIGABRT,
        "freed with the wrong layout (90 bytes): the block at ADDRESS, 33 bytes, tag key",
    ),
];

pub fn test() {
    for (case, signal, expected) in CASES {
        let finished = child!().argument(case).run();
        assert_eq!(finished.status.signal(), Some(signal), "{case}: {finished:?}");
        let expected = expected.replace("ADDRESS", finished.output.trim());
        assert_eq!(finished.errors, format!("scrubjay: {expected}\n"), "{case}");
    }
}

pub fn child(arguments: &[String]) {
    KEY.prepare_vault().expect("the vault can be had");
    let layout = Layout::from_size_align(SIZE, 1).expect("a layout");
    let scope = KEY.enter();
    let block = raw::allocate(layout);
    drop(scope);
    println!("{block:p}");
    match arguments[0].as_str() {
        "behind" => raw::write_at(block, SIZE as isize + TRAILER_SIZE),
        "page behind" => raw::write_at(block, SIZE as isize + TRAILER_SIZE + 4_000),
        "in front" => raw::write_at(block, -4_096),
        "trailer" => {
            raw::write_at(block, SIZE as isize);
            raw::release(block, layout);
        }
        "layout" => raw::release(block, Layout::from_size_align(90, 1).expect("a layout")),
        case => {
            raw::release(block, layout);
            match case {
                "after free" => raw::write_at(block, 0),
                _ => raw::release(block, layout),
            }
        }
    }
}
