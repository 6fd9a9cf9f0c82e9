//! What a tag has loaded can be frozen: it is read, released and reallocated as
//! ever, a write to it is named and ends the process. New blocks can be
//! written, and so can all of them once they are thawed.

use std::os::unix::process::ExitStatusExt;

use scrubjay::{Frozen, Tag, Vault};
use scrubjay_tests::child;

use crate::raw;

static WEIGHTS: Tag = Tag::new("model/weights").vault(Vault::new().or_plain_locked().or_unlocked());
static OTHER: Tag = Tag::new("other").vault(Vault::new().or_plain_locked().or_unlocked());
static ORDINARY: Tag = Tag::new("ordinary");

pub fn test() {
    let finished = child!().argument("write").run();
    assert_eq!(finished.status.signal(), Some(libc::SIGSEGV), "{finished:?}");
    let address = finished.output.trim();
    let expected = format!(
        "scrubjay: write to the frozen block at {address} (5000 bytes, tag model/weights)\n"
    );
    assert_eq!(finished.errors, expected);
    child!().argument("use").succeed();
}

pub fn child(arguments: &[String]) {
    let scope = WEIGHTS.enter();
    let mut first = vec![1_u8; 5_000];
    let second = vec![2_u8; 100];
    let third = vec![3_u8; 20];
    drop(scope);
    let mut other = {
        let _scope = OTHER.enter();
        vec![4_u8; 300]
    };
    let frozen = WEIGHTS.freeze().expect("the vault can be frozen");
    assert_eq!(frozen, Frozen { block_count: 3, byte_count: 5_120 });
    // Once more, it is as it was.
    assert_eq!(WEIGHTS.freeze().expect("the vault can be frozen"), frozen);
    assert_eq!([first[4_999], second[0], third[19]], [1, 2, 3]);
    other[0] = 5;
    if arguments[0] == "write" {
        println!("{:p}", first.as_ptr());
        raw::write_at(first.as_mut_ptr(), 4_000);
        return;
    }
    let scope = WEIGHTS.enter();
    let mut new = Box::new([6_u8; 64]);
    new[63] = 7;
    // Or it would be no block at all.
    std::hint::black_box(&new);
    drop(scope);
    // Released and grown as ever; what has grown is new.
    drop(second);
    let mut grown = third;
    grown.reserve(5_000);
    grown.push(8);
    assert_eq!(&grown[..20], [3; 20]);
    let thawed = WEIGHTS.thaw().expect("the vault can be thawed");
    assert_eq!(thawed.block_count, 3);
    first[0] = 9;
    assert!(ORDINARY.freeze().is_err(), "what is no vault cannot be frozen");
}
