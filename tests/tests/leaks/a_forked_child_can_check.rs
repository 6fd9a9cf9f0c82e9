//! A forked child, by `fork` or by the system call alone, knows the live blocks
//! that it inherited, and can make checks of its own; its parent does not see them.

use std::hint::black_box;
use std::mem;
use std::time::Duration;

use scrubjay::{LeakCheck, Tag, scan_within, scrub_stack};
use scrubjay_tests::child;
use scrubjay_tests::system::{self, Fork};

static INHERITED: Tag = Tag::new("inherited");

const COUNT: usize = 100;
const SIZE: usize = 1_000;
const LEAKED: usize = 4_321;
/// On a busy machine threads may stand still for long.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn test() {
    child!().argument("library").succeed();
    child!().argument("raw").succeed();
}

pub fn child(arguments: &[String]) {
    let how = if arguments[0] == "raw" { Fork::Raw } else { Fork::Library };
    let mut inherited = blocks();
    assert_eq!(live(), COUNT * SIZE);
    let forked = system::fork(how, true, || {
        assert_eq!(live(), COUNT * SIZE);
        inherited.truncate(COUNT / 2);
        assert_eq!(live(), COUNT / 2 * SIZE);
        checks();
        forget(&mut inherited[0]);
        scrub_stack(usize::MAX);
        assert_eq!(lost(), SIZE);
    });
    system::wait(forked);
    checks();
    assert_eq!((live(), lost()), (COUNT * SIZE, 0));
    drop(black_box(inherited));
}

fn checks() {
    LeakCheck::new().assert(|| drop(black_box(vec![1_u8; 100])));
    let report = LeakCheck::new().run(leaks_here).expect("a check can be made");
    assert_eq!((report.leaked_bytes(), report.leaked_blocks()), (LEAKED as u64, 1), "{report}");
    let mut functions = report.leaks[0].frames.iter().map(|frame| &frame.function);
    assert!(functions.any(|function| function.ends_with("leaks_here")), "{report}");
}

#[inline(never)]
fn leaks_here() {
    mem::forget(black_box(vec![1_u8; LEAKED]));
}

#[inline(never)]
fn forget(block: &mut Vec<u8>) {
    mem::forget(mem::take(block));
}

#[inline(never)]
fn blocks() -> Vec<Vec<u8>> {
    let mut blocks = Vec::with_capacity(COUNT);
    let _scope = INHERITED.enter();
    blocks.extend((0..COUNT).map(|_| vec![1_u8; SIZE]));
    blocks
}

/// Bytes of the tag, by the registry of live blocks.
fn live() -> usize {
    let report = scan_within(PATIENCE).expect("there is a registry");
    let tag = report.tags.iter().find(|tag| tag.tag == INHERITED.name()).expect("it has blocks");
    tag.bytes() as usize
}

/// Of which nothing reaches so many.
fn lost() -> usize {
    let report = scan_within(PATIENCE).expect("there is a registry");
    report.lost().filter(|site| site.tag == INHERITED.name()).map(|site| site.bytes as usize).sum()
}
