//! To a program a vault block is a block: of its size and alignment, zeroed
//! where that is asked for, of its content through every change of size, to be
//! released by any thread. Nothing of it stays behind.

use std::alloc::Layout;
use std::collections::BTreeMap;

use scrubjay::{Report, Tag, Vault};
use scrubjay_tests::random::Random;
use scrubjay_tests::{child, threads};

use crate::raw;

static KEY: Tag = Tag::new("key").vault(Vault::new().or_plain_locked().or_unlocked());

const ALIGNMENTS: [usize; 6] = [1, 8, 64, 4_096, 65_536, 1 << 20];
const SIZES: [usize; 7] = [1, 7, 24, 100, 4_088, 4_089, 70_000];

pub fn test() {
    // Where released blocks are held back to be verified, those of vaults are not.
    for verify in ["off", "on"] {
        let finished = child!().setting("SCRUBJAY_VERIFY", verify).succeed();
        assert_eq!(finished.errors, "");
    }
}

pub fn child(_: &[String]) {
    blocks_have_size_and_alignment();
    large_blocks_are_wiped_where_they_were_touched();
    collections_keep_their_content();
    other_threads_release();
    let report = Report::now();
    let stats = report.tag(KEY.name()).expect("the tag was entered");
    assert_eq!((stats.live_blocks, stats.live_bytes), (0, 0));
    assert_eq!(stats.unwiped_bytes, 0);
    assert_eq!(stats.wiped_bytes, stats.allocated_bytes);
}

fn blocks_have_size_and_alignment() {
    for align in ALIGNMENTS {
        for size in SIZES {
            for new_size in SIZES {
                let layout = Layout::from_size_align(size, align).expect("a layout");
                let scope = KEY.enter();
                let block = raw::allocate(layout);
                drop(scope);
                assert!(!block.is_null() && (block as usize).is_multiple_of(align));
                raw::fill(block, size, 1);
                let moved = raw::resize(block, layout, new_size);
                assert!(!moved.is_null() && (moved as usize).is_multiple_of(align));
                let kept = size.min(new_size);
                assert!(raw::holds(moved, 0..kept, 1), "{size} to {new_size}, align {align}");
                assert!(raw::holds(moved, kept..new_size, 0), "a new page is blank");
                raw::fill(moved, new_size, 2);
                let layout = Layout::from_size_align(new_size, align).expect("a layout");
                raw::release(moved, layout);
            }
        }
    }
}

/// From this size on a wipe asks which pages were touched.
fn large_blocks_are_wiped_where_they_were_touched() {
    let _scope = KEY.enter();
    let mut block: Vec<u8> = Vec::with_capacity(64 << 20);
    block.resize(300_000, 1);
    block.reserve_exact(65 << 20);
    assert!(block.iter().all(|&byte| byte == 1));
}

fn collections_keep_their_content() {
    let _scope = KEY.enter();
    let mut random = Random::new(11);
    let mut text = String::new();
    let mut map = BTreeMap::new();
    for number in 0..300_u64 {
        text.push_str(&number.to_string());
        map.insert(random.next_word(), format!("value {number}"));
    }
    text.shrink_to_fit();
    let expected: String = (0..300).map(|number: u64| number.to_string()).collect();
    assert_eq!(text, expected);
    let mut random = Random::new(11);
    assert!((0..300).all(|number| map[&random.next_word()] == format!("value {number}")));
    let zeros = vec![0_u64; 10_000];
    assert!(zeros.iter().all(|&zero| zero == 0));
}

fn other_threads_release() {
    let blocks: Vec<Vec<u8>> = (1..40)
        .map(|number| {
            let _scope = KEY.enter();
            vec![number as u8; number * 100]
        })
        .collect();
    threads::scope(|scope| {
        for block in blocks {
            scope.spawn(move || {
                let first = block[0];
                assert!(block.iter().all(|&byte| byte == first));
                drop(block);
            });
        }
    });
}
