//! Large blocks: pages that nobody touched stay untouched, growth copies
//! nothing, and what is released is accounted for.

use std::fs;
use std::hint::black_box;

use scrubjay::{Report, Scrubjay, Tag, TagStats};
use scrubjay_tests::harness::{self, Claim};

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

static PUBLIC: Tag = Tag::new("public");
static SECRET: Tag = Tag::new("secret").secret();

const MIB: usize = 1 << 20;

fn main() -> std::process::ExitCode {
    harness::main(&[
        Claim {
            name: "an_untouched_gigabyte_costs_no_page",
            test: an_untouched_gigabyte_costs_no_page,
            child: harness::no_child,
        },
        Claim {
            name: "an_untouched_heap_block_is_not_faulted_in",
            test: an_untouched_heap_block_is_not_faulted_in,
            child: harness::no_child,
        },
        Claim {
            name: "a_growing_vec_moves_to_a_mapping_once",
            test: a_growing_vec_moves_to_a_mapping_once,
            child: harness::no_child,
        },
        Claim {
            name: "released_pages_count_as_returned_and_secret_ones_as_wiped",
            test: released_pages_count_as_returned_and_secret_ones_as_wiped,
            child: harness::no_child,
        },
        Claim {
            name: "a_mapping_that_shrinks_gives_its_tail_back",
            test: a_mapping_that_shrinks_gives_its_tail_back,
            child: harness::no_child,
        },
    ])
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let pages: usize = pages.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a count");
    pages * 4096
}

fn figures(tag: &Tag) -> TagStats {
    Report::now().tag(tag.name()).expect("the tag was entered").clone()
}

fn an_untouched_gigabyte_costs_no_page() {
    for tag in [&PUBLIC, &SECRET] {
        let before = resident();
        let scope = tag.enter();
        let block = black_box(vec![0_u8; 1024 * MIB]);
        drop(scope);
        assert_eq!(block[512 * MIB], 0);
        drop(block);
        let grown = resident().saturating_sub(before);
        assert!(grown < 8 * MIB, "{}: {grown} bytes more are resident", tag.name());
    }
}

fn an_untouched_heap_block_is_not_faulted_in() {
    let block = black_box(vec![0_u8; 24 * MIB]);
    let before = resident();
    drop(black_box(block));
    assert!(resident() < before + 2 * MIB, "the wipe faulted pages in");
}

fn a_growing_vec_moves_to_a_mapping_once() {
    let _scope = PUBLIC.enter();
    let before = figures(&PUBLIC);
    let mut grown: Vec<u32> = Vec::new();
    for index in 0..16 * MIB as u32 {
        grown.push(index);
    }
    assert!(grown.iter().copied().eq(0..16 * MIB as u32), "the content came along");
    let after = figures(&PUBLIC);
    let copied = after.copied_bytes - before.copied_bytes;
    assert!(copied < 2 * MIB as u64, "{copied} bytes were copied");
    assert!(after.carried_bytes - before.carried_bytes >= 32 * MIB as u64);
}

fn released_pages_count_as_returned_and_secret_ones_as_wiped() {
    for (tag, size) in [(&PUBLIC, 40 * MIB), (&SECRET, 40 * MIB + 17)] {
        let before = figures(tag);
        let scope = tag.enter();
        let block = black_box(vec![1_u8; size]);
        drop(scope);
        drop(block);
        let after = figures(tag);
        let wiped = (after.wiped_bytes - before.wiped_bytes) as usize;
        let returned = (after.returned_bytes - before.returned_bytes) as usize;
        let expected = if after.is_secret { (size, 0) } else { (0, size) };
        assert_eq!((wiped, returned), expected, "{}", tag.name());
    }
}

fn a_mapping_that_shrinks_gives_its_tail_back() {
    for kept in [10 * MIB + 5, 1000] {
        let before = figures(&PUBLIC);
        let scope = PUBLIC.enter();
        let mut block = black_box(vec![7_u8; 64 * MIB]);
        let resident_before = resident();
        block.truncate(kept);
        block.shrink_to_fit();
        assert!(resident() + 50 * MIB < resident_before, "the tail is still resident");
        assert!(block.iter().all(|&byte| byte == 7), "the rest stays");
        drop((block, scope));
        let after = figures(&PUBLIC);
        let sum = |stats: &TagStats| {
            stats.wiped_bytes + stats.returned_bytes + stats.carried_bytes + stats.unwiped_bytes
        };
        assert_eq!(sum(&after) - sum(&before), after.freed_bytes - before.freed_bytes);
        assert_eq!(after.unwiped_bytes, before.unwiped_bytes);
    }
}
