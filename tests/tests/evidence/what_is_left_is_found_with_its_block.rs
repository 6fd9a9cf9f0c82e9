//! Where wiping is off, what is left of a released block is found, with the
//! block's size and tag, and `assert_no_residue` says so.

use std::hint::black_box;
use std::panic;

use scrubjay::Tag;
use scrubjay_tests::child;

static PROMPT: Tag = Tag::new("prompt");

pub fn test() {
    child!().setting("SCRUBJAY_WIPE", "off").succeed();
}

pub fn child(_: &[String]) {
    let pattern = super::random_bytes(600);
    let scope = PROMPT.enter();
    let block = black_box(pattern.clone());
    let address = block.as_ptr().addr();
    drop(block);
    drop(scope);
    let search = scrubjay::find_residue(&pattern).unwrap();
    // The C library writes its own words at the block's start.
    let [residue] = &search.found[..] else { panic!("{search}") };
    assert!((1..=32).contains(&residue.offset), "{search}");
    assert_eq!(residue.address, address + residue.offset);
    assert_eq!(residue.size, 600 - residue.offset);
    let of = residue.block.as_ref().expect("its tombstone tells");
    assert_eq!((of.address, of.size, of.tag), (address, 600, PROMPT.name()));
    assert!(!of.is_live);

    panic::set_hook(Box::new(|_| ()));
    let failed = panic::catch_unwind(|| scrubjay::assert_no_residue(&pattern)).unwrap_err();
    let message = failed.downcast::<String>().unwrap();
    assert!(message.starts_with("1 place in memory holds a part of the pattern"), "{message}");
    assert!(message.contains("in a released block of 600 bytes of tag prompt"), "{message}");
}
