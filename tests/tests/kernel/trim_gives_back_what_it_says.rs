//! After much was allocated and freed, `trim` gives memory back: resident bytes, as
//! another process reads them, fall by what it says.

use std::hint::black_box;

use scrubjay_tests::child;
use scrubjay_tests::child::Running;

/// What the kernel's own counting may be off, and what the two reports between the
/// looks may take, bytes.
const SLACK: u64 = 2 << 20;
/// Blocks whose free memory the C library keeps: one that lives is behind each few.
const BLOCKS: usize = 200_000;

pub fn test() {
    let mut running = child!().setting("SCRUBJAY_VERIFY", "on").start();
    running.lines_until_pause();
    let before = resident(&running);
    running.go_on();
    let told = running.lines_until_pause();
    let after = resident(&running);
    let said: Vec<u64> =
        told[0].split(' ').map(|number| number.parse().expect("a number")).collect();
    let [returned, kept, held] = said[..] else { panic!("{told:?}") };
    running.go_on();
    assert!(running.finish().status.success());
    println!(
        "  {before} resident before, {after} after; said {returned}, {kept} kept, {held} held"
    );
    assert!(returned > 40 << 20, "{told:?}");
    assert!(kept > 10 << 20 && held > 0, "{told:?}");
    assert!((before - after).abs_diff(returned) < SLACK, "{before} - {after} is not {returned}");
}

fn resident(running: &Running) -> u64 {
    let path = format!("/proc/{}/statm", running.process());
    let text = std::fs::read_to_string(path).expect("the child lives");
    let pages: u64 = text.split(' ').nth(1).expect("a field").parse().expect("a number");
    pages * 4096
}

pub fn child(_: &[String]) {
    // Grown, so that its pages are kept.
    let mut grown = Vec::new();
    (0..16 << 20).for_each(|at| grown.push(at as u8));
    drop(black_box(grown));
    // The lower blocks go, and a block at the end keeps the heap's end where it is.
    let blocks: Vec<Box<[u8; 240]>> = (0..BLOCKS).map(|at| Box::new([at as u8; 240])).collect();
    let last = black_box(Box::new([1_u8; 240]));
    drop(black_box(blocks));
    child::pause();
    let trimmed = scrubjay::trim();
    println!("{} {} {}", trimmed.returned_bytes, trimmed.kept_bytes, trimmed.held_bytes);
    child::pause();
    drop(last);
}
