//! A bill tells 32 tags apart; others are one entry, and the sum is the total.

use std::hint::black_box;

use scrubjay::{Lease, Tag, TagBill};

macro_rules! tags {
    ($($number:literal)*) => { [$(Tag::new(concat!("table/", $number))),*] };
}

static TAGS: [Tag; 40] = tags!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19
    20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39
);

pub fn test() {
    let mut blocks: Vec<Vec<u8>> = Vec::with_capacity(TAGS.len());
    let lease = Lease::begin("many tags");
    for (size, tag) in (1_u64..).zip(&TAGS) {
        let _scope = tag.enter();
        blocks.push(black_box(vec![1_u8; size as usize]));
    }
    let bill = lease.bill();
    assert_eq!((bill.live_bytes, bill.live_blocks), (820, 40));
    assert_eq!(bill.tags.len(), 33);
    assert_eq!(bill.tags.iter().map(|tag| tag.live_bytes).sum::<u64>(), 820);
    let last = bill.tags.last().unwrap();
    assert_eq!((last.name, last.live_blocks), (TagBill::OTHER, 8));
    for (size, tag) in (1..).zip(&TAGS).take(32) {
        assert_eq!(bill.tag(tag.name()).unwrap().live_bytes, size, "{}", tag.name());
    }
    drop(blocks);
    lease.bill().assert_released();

    let json: serde_json::Value = serde_json::from_str(&lease.end().to_json()).unwrap();
    assert_eq!(json["name"], "many tags");
    assert_eq!(json["allocated_bytes"], 820);
    assert_eq!(json["peak_bytes"], 820);
    assert_eq!(json["tags"].as_array().unwrap().len(), 33);
    assert_eq!(json["tags"][32]["name"], "other tags");
}

pub use scrubjay_tests::harness::no_child as child;
