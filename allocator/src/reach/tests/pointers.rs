//! Which words count as pointers, and from where.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ground::{Ground, Hidden, map, write};
use super::is_alone;
use crate::os;
use crate::reach::Held;

const LOST: Held = Held::Lost;

#[test]
fn interior_marked_and_one_past_the_end_count_and_nothing_else() {
    let mut ground = Ground::new(1 << 20);
    let table = ground.block(256);
    static TABLE: AtomicUsize = AtomicUsize::new(0);
    let kept: Vec<_> = (0..6).map(|_| ground.block(48)).collect();
    for (at, plus) in [0, 47, 3, 48, 48 + 7, 24 + 5].into_iter().enumerate() {
        ground.point(table, at * 8, kept[at], plus);
    }
    let lost: Vec<_> = (0..4).map(|_| ground.block(48)).collect();
    // Behind the end, before the start, at no multiple of 8, of no size.
    ground.point(table, 64, lost[0], 56);
    ground.point(table, 72, lost[1], 0_usize.wrapping_sub(1));
    ground.point(table, 100, lost[2], 0);
    hold(&TABLE, table);
    let found = ground.scan();
    let Held::Static { place } = found.held(table) else { panic!("{:?}", found.held(table)) };
    assert_eq!(found.scan.place(place), Some(core::ptr::from_ref(&TABLE).addr()));
    for &block in &kept {
        assert_eq!(found.held(block), found.by(table));
        assert_eq!(found.root(block), found.held(table));
    }
    for &block in &lost {
        assert_eq!(found.held(block), LOST);
    }
    drop(found);
    TABLE.store(0, Ordering::SeqCst);
    assert_eq!(ground.scan().held(table), LOST, "the next scan knows nothing of the last one");
}

/// Stores a block's address in a variable.
#[inline(never)]
fn hold(place: &AtomicUsize, block: Hidden) {
    place.store(block.address(), Ordering::SeqCst);
}

#[test]
fn where_one_block_ends_and_the_next_begins_is_the_next_one() {
    static END: AtomicUsize = AtomicUsize::new(0);
    let mut ground = Ground::new(1 << 20);
    let start = ground.block(4096);
    ground.blocks().truncate(0);
    let first = ground.add(start, 32);
    // Without a trailer between them.
    let second = ground.add(start.plus(32), 32);
    hold(&END, second);
    let found = ground.scan();
    assert!(matches!(found.held(second), Held::Static { .. }));
    assert_eq!(found.held(first), LOST);
    END.store(0, Ordering::SeqCst);
}

#[test]
fn roots_are_told_apart_and_statics_come_before_threads_before_the_rest() {
    static HELD: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
    thread_local!(static LOCAL: Cell<usize> = const { Cell::new(0) });
    let mut ground = Ground::new(1 << 20);
    let elsewhere = map(4096).expose_provenance();
    let [on_stack, local, of_static, other, several] = [(); 5].map(|()| ground.block(40));
    let mut frame = [0_usize; 2];
    put_down(&mut frame, 0, on_stack);
    put_down(&mut frame, 1, several);
    put_into(&LOCAL, local);
    hold(&HELD[0], of_static);
    hold(&HELD[1], several);
    for (at, block) in [other, local, of_static, several].into_iter().enumerate() {
        write(Hidden(!elsewhere), at * 8, block, 0);
    }
    let found = ground.scan();
    let thread = os::thread_id();
    assert_eq!(found.held(on_stack), Held::Stack { thread });
    assert!(matches!(found.held(several), Held::Static { .. }));
    assert_eq!(found.held(local), Held::ThreadLocal { thread });
    assert_eq!(found.held(other), Held::Elsewhere);
    assert!(matches!(found.held(of_static), Held::Static { .. }));
    assert_eq!(found.scan.counts.unreadable_block_size, 0);
    core::hint::black_box(&mut frame);
    HELD.iter().for_each(|place| place.store(0, Ordering::SeqCst));
    assert_ne!(core::hint::black_box(LOCAL.replace(0)), 0);
}

#[inline(never)]
fn put_down(frame: &mut [usize], at: usize, block: Hidden) {
    frame[at] = block.address();
}

#[inline(never)]
fn put_into(local: &'static std::thread::LocalKey<Cell<usize>>, block: Hidden) {
    local.set(block.address());
}

#[test]
fn chunks_of_the_c_library_that_begin_where_a_block_ends_do_not_hold_it() {
    let path = "chunks_of_the_c_library_that_begin_where_a_block_ends_do_not_hold_it";
    if !is_alone(&format!("pointers::{path}")) {
        return;
    }
    let mut ground = Ground::new(1 << 20);
    // Sizes whose trailer ends its chunk: the next chunk begins where the block
    // ends, and may be free, or the heap's top.
    let blocks: Vec<Hidden> =
        (0..400).map(|at| from_the_heap(&mut ground, 16 * (2 + at % 60))).collect();
    for (at, &block) in blocks.iter().enumerate() {
        // Every other one is free, in the C library's hands.
        if at % 2 == 0 {
            free(block, 16 * (2 + at % 60));
        }
    }
    let is_live = |at: usize| at % 2 == 1;
    let mut at = 0;
    ground.blocks().retain(|_| {
        at += 1;
        is_live(at - 1)
    });
    let found = ground.scan();
    let held: Vec<_> = blocks
        .iter()
        .enumerate()
        .filter(|&(at, _)| is_live(at))
        .filter(|&(_, &block)| found.held(block) != LOST)
        .map(|(at, &block)| (at, found.held(block)))
        .collect();
    // Whoever had the memory before may have left a word there. Where chunks counted
    // nearly all of them would be held.
    assert!(held.len() <= blocks.len() / 8, "{held:?}");
    drop(found);
    for (at, &block) in blocks.iter().enumerate().filter(|&(at, _)| is_live(at)) {
        free(block, 16 * (2 + at % 60));
    }
}

/// A block with 8 bytes behind it, which end its chunk.
#[inline(never)]
fn from_the_heap(ground: &mut Ground, chunk_size: usize) -> Hidden {
    let layout = Layout::from_size_align(chunk_size - 8, 8).unwrap();
    // SAFETY: the size is not 0.
    let start = unsafe { System.alloc_zeroed(layout) };
    ground.add(Hidden(!start.expose_provenance()), chunk_size - 16)
}

#[inline(never)]
fn free(block: Hidden, chunk_size: usize) {
    let layout = Layout::from_size_align(chunk_size - 8, 8).unwrap();
    let start = core::ptr::with_exposed_provenance_mut::<u8>(block.address());
    // SAFETY: the block was allocated with this layout, and is blank.
    unsafe { System.dealloc(start, layout) };
}

#[test]
fn a_block_that_nobody_may_read_is_not_read_and_counted() {
    let mut ground = Ground::new(1 << 20);
    let size = 3 * 4096;
    let _ = ground.block(4096 - 16);
    let guarded = ground.block(size);
    let behind = ground.block(32);
    let beside = ground.block(32);
    static GUARDED: AtomicUsize = AtomicUsize::new(0);
    hold(&GUARDED, guarded);
    ground.point(guarded, 4096 + 8, behind, 0);
    ground.point(guarded, 8, beside, 0);
    let pages = core::ptr::with_exposed_provenance_mut::<libc::c_void>(!guarded.0 + 4096);
    // SAFETY: the pages are the test's, which does not touch them meanwhile.
    let refused = unsafe { libc::mprotect(pages, 4096, libc::PROT_NONE) };
    assert_eq!(refused, 0);
    let found = ground.scan();
    assert_eq!(found.held(beside), found.by(guarded));
    assert_eq!(found.held(behind), LOST);
    assert_eq!(found.scan.counts.unreadable_block_size, 4096);
    drop(found);
    GUARDED.store(0, Ordering::SeqCst);
}

#[test]
fn an_untouched_gigabyte_costs_nothing() {
    static LARGE: AtomicUsize = AtomicUsize::new(0);
    let mut ground = Ground::new((1 << 30) + (1 << 20));
    let large = ground.block(1 << 30);
    let held = ground.block(64);
    hold(&LARGE, large);
    ground.point(large, 700 << 20, held, 0);
    let found = ground.scan();
    assert_eq!(found.held(held), found.by(large));
    let counts = found.scan.counts;
    assert!(counts.block_size < 64 << 10, "{counts:?}");
    drop(found);
    LARGE.store(0, Ordering::SeqCst);
}
