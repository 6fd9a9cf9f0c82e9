//! What a program leaves in freed blocks as it grows, shrinks, hands over and
//! drops is nothing, and what was left on its stack it can overwrite; without
//! wiping it is found.

use std::thread;

use scrubjay_tests::child;

pub fn test() {
    child!().succeed();
    let control = child!().setting("SCRUBJAY_WIPE", "off").run();
    assert!(!control.status.success(), "the control found nothing");
    assert!(control.errors.contains("in memory hold a part of the pattern of 3000 bytes"));
}

pub fn child(_: &[String]) {
    let pattern = super::random_bytes(3000);
    work(&pattern);
    scrubjay::scrub_stack(usize::MAX);
    scrubjay::assert_no_residue(&pattern);
}

#[inline(never)]
fn work(pattern: &[u8]) {
    let mut grown = Vec::new();
    for &byte in pattern {
        grown.push(byte);
    }
    let neighbour = vec![0_u8; 3000];
    grown.extend_from_slice(pattern);
    grown.truncate(500);
    grown.shrink_to_fit();
    thread::spawn(move || drop(grown)).join().unwrap();
    let copies: Vec<Box<[u8]>> = pattern.chunks(70).map(Into::into).collect();
    drop((copies, neighbour));
}
