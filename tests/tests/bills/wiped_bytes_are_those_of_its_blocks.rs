//! A bill's wiped bytes are those of its own blocks, whoever frees them: freed = wiped +
//! returned + unwiped + what stayed in use.

use std::hint::black_box;
use std::thread;

use scrubjay::{Lease, Tag};

static WIPED: Tag = Tag::new("fate/wiped");
static UNWIPED: Tag = Tag::new("fate/unwiped").wipe(false);
static SECRET: Tag = Tag::new("fate/secret").secret();

fn block(tag: &'static Tag, size: usize) -> Vec<u8> {
    let _scope = tag.enter();
    black_box(vec![1_u8; size])
}

pub fn test() {
    let strangers = block(&WIPED, 50_000);
    let lease = Lease::begin("fates");
    // Small ones, larger ones, ones of a watched tag; of this thread and of others.
    for size in [40, 4_000, 400_000] {
        for tag in [&WIPED, &SECRET] {
            drop(block(tag, size));
            let handed_on = block(tag, size);
            thread::spawn(move || drop(handed_on)).join().unwrap();
        }
        drop(block(&UNWIPED, size));
    }
    drop(strangers);
    let bill = lease.bill();
    assert_eq!(bill.tag("fate/wiped").unwrap().wiped_bytes, 2 * 404_040);
    assert_eq!(bill.tag("fate/secret").unwrap().wiped_bytes, 2 * 404_040);
    assert_eq!(bill.tag("fate/unwiped").unwrap().wiped_bytes, 0);
    assert_eq!(bill.unwiped_bytes, 404_040);
    assert_eq!(bill.returned_bytes, 0);

    // Shrunk: the tail is wiped, the rest stays in use and is wiped later.
    let mut shrunk = block(&WIPED, 1_000);
    let before = lease.bill();
    shrunk.truncate(400);
    shrunk.shrink_to_fit();
    let bill = lease.bill();
    let kept = (bill.freed_bytes - before.freed_bytes) - (bill.wiped_bytes - before.wiped_bytes);
    assert_eq!((bill.freed_bytes - before.freed_bytes, kept), (1_000, 400));
    drop(shrunk);
    assert_eq!(lease.bill().wiped_bytes - before.wiped_bytes, 1_000);

    // Its pages go back to the kernel, which blanks them.
    let before = lease.bill();
    drop(block(&WIPED, 64 << 20));
    let bill = lease.end();
    assert_eq!(bill.returned_bytes, 64 << 20);
    assert_eq!(bill.wiped_bytes, before.wiped_bytes);
}

pub use scrubjay_tests::harness::no_child as child;
