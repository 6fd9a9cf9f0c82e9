//! Blocks whose size tells which they are, and the stacks that `backtrace` saw
//! where they were allocated.

use std::hint::black_box;

use scrubjay_log_format::{EventKind, process};
use scrubjay_tests::child::{Child, Finished};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;

/// Marked blocks are larger than any other.
const MARK: usize = 3 << 20;
/// Frames within the allocator and the mark, at most.
const OWN_FRAMES_MAX: usize = 16;

/// Allocates a block and prints its number and the stack from the caller on.
#[inline(never)]
pub fn mark(number: usize) {
    let mut addresses = Vec::new();
    let mut is_above = false;
    backtrace::trace(|frame| {
        let address = frame.ip() as usize;
        if is_above && address != 0 {
            addresses.push(address);
        }
        let function = frame.symbol_address().cast_const().cast();
        is_above |= std::ptr::eq(function, mark as *const ());
        true
    });
    drop(black_box(Vec::<u8>::with_capacity(MARK + number)));
    let words: Vec<String> = addresses.iter().map(|address| format!("{address:x}")).collect();
    println!("{number} {}", words.join(" "));
}

/// Runs the child and compares what the log has of its marked blocks with what
/// it printed; answers the frames of each, innermost first.
pub fn compare(child: Child) -> Vec<Vec<u64>> {
    let folder = Folder::new();
    let path = folder.join("run.jay");
    let finished = child.log(&path).setting("SCRUBJAY_STACK_DEPTH", "256").succeed();
    let log = Log::read(&path);
    log.check();
    assert_ne!(log.process[process::ENGINE], process::ENGINE_NONE);
    let stacks = compare_with(&log, &finished);
    assert!(!stacks.is_empty(), "{finished:?}");
    stacks
}

fn compare_with(log: &Log, finished: &Finished) -> Vec<Vec<u64>> {
    let mut stacks = Vec::new();
    for line in finished.output.lines() {
        let mut words = line.split(' ');
        let number: usize = words.next().and_then(|word| word.parse().ok()).expect("a number");
        let theirs: Vec<u64> =
            words.map(|word| u64::from_str_radix(word, 16).expect("an address")).collect();
        let size = (MARK + number) as u64;
        let event = log
            .events
            .iter()
            .find(|record| record.event.kind == EventKind::Alloc && record.event.size == size)
            .expect("the block is in the journal");
        let ours = log.frames(event.event.site);
        assert!(ours.ends_with(&theirs), "{number}: {ours:x?} for {theirs:x?}");
        assert!(ours.len() <= theirs.len() + OWN_FRAMES_MAX, "{number}: {ours:x?}");
        stacks.push(theirs);
    }
    stacks
}
