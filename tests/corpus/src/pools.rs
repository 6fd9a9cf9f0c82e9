//! Pools, arenas and memory that is given back later.

use std::collections::VecDeque;
use std::hint::black_box;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use crate::case::{cases, exactly};
use crate::statics::{ROOM, locked};
use crate::workers::Workers;

cases! { "pools.rs":
    Kept Open pool_that_only_grows at buffer: exactly(2, 2 * 5_000),
        "buffers are returned to a static pool from which nobody takes";
    Lost Blind arena_forgotten at arena: exactly(3 + 1, 3 * 4_096 + 4 * 8),
        "the chunks of an arena are forgotten";
    Kept Open retired_never_flushed at retire: exactly(4, 4 * 184),
        "a queue of deferred drops waits for a reader that never leaves";
    Kept Blind slab_keys_dropped at insert: exactly(1, 736),
        "entries of a static slab, whose keys are dropped";
    Clean Open buffer_pool, "buffers are taken from a static pool, and returned";
    Clean Blind retired_flushed_next_run, "deferred drops of a run are done by the next";
    Clean Open workers, "two pool threads are started at first use, and stay";
    Clean Blind arena_reset, "an arena in a static is reset, its chunk stays";
    Clean Open slab_reused, "entries of a static slab are removed and used again";
}

fn pool_that_only_grows() {
    static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    let buffers = [buffer(), buffer()];
    let mut pool = locked(&POOL);
    if pool.capacity() == 0 {
        pool.reserve_exact(ROOM);
    }
    pool.extend(buffers);
}

#[inline(never)]
fn buffer() -> Vec<u8> {
    black_box(vec![1; black_box(5_000)]) // leaks
}

fn arena_forgotten() {
    mem::forget(arena());
}

#[inline(never)]
fn arena() -> Vec<Box<[u8; 4_096]>> {
    let mut chunks = Vec::with_capacity(4); // leaks
    for _ in 0..3 {
        chunks.push(Box::new([0; 4_096])); // leaks
    }
    black_box(chunks)
}

type Retired = Box<[u8; 184]>;

fn retired_never_flushed() {
    for _ in 0..4 {
        retire();
    }
}

#[inline(never)]
fn retire() {
    static RETIRED: Mutex<VecDeque<(u64, Retired)>> = Mutex::new(VecDeque::new());
    let oldest_reader = black_box(0);
    let mut retired = locked(&RETIRED);
    if retired.capacity() == 0 {
        retired.reserve_exact(ROOM);
    }
    retired.push_back((1, Box::new([1; 184]))); // leaks
    while retired.front().is_some_and(|(epoch, _)| *epoch <= oldest_reader) {
        retired.pop_front();
    }
}

fn slab_keys_dropped() {
    black_box(insert());
}

#[inline(never)]
fn insert() -> usize {
    static SLAB: Mutex<Vec<Option<Box<[u8; 736]>>>> = Mutex::new(Vec::new());
    let mut slab = locked(&SLAB);
    if slab.capacity() == 0 {
        slab.reserve_exact(ROOM);
    }
    slab.push(Some(Box::new([1; 736]))); // leaks
    slab.len() - 1
}

fn buffer_pool() {
    static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    let take = || locked(&POOL).pop().unwrap_or_else(|| Vec::with_capacity(3_000));
    let mut taken = [take(), take(), take()];
    for buffer in &mut taken {
        buffer.clear();
        buffer.extend_from_slice(black_box(&[1; 2_000]));
    }
    locked(&POOL).extend(taken);
}

fn retired_flushed_next_run() {
    static RETIRED: Mutex<Vec<Retired>> = Mutex::new(Vec::new());
    let mut retired = locked(&RETIRED);
    retired.clear();
    for _ in 0..10 {
        retired.push(black_box(Box::new([1; 184])));
    }
}

fn workers() {
    static WORKERS: LazyLock<Workers> = LazyLock::new(|| Workers::start(2));
    static SUM: AtomicUsize = AtomicUsize::new(0);
    SUM.store(0, Ordering::Relaxed);
    for number in 0..8_u8 {
        WORKERS.add(move || {
            SUM.fetch_add(black_box(vec![number; 500]).len(), Ordering::Relaxed);
        });
    }
    WORKERS.wait();
    assert_eq!(SUM.load(Ordering::Relaxed), 4_000, "all jobs are done");
}

fn arena_reset() {
    static ARENA: Mutex<(Vec<u8>, usize)> = Mutex::new((Vec::new(), 0));
    let mut arena = locked(&ARENA);
    if arena.0.is_empty() {
        arena.0 = vec![0; 8_192];
    }
    for _ in 0..16 {
        let at = arena.1;
        arena.0[at..at + 512].fill(black_box(1));
        arena.1 += 512;
    }
    arena.1 = 0;
}

fn slab_reused() {
    static SLAB: Mutex<Vec<Option<Box<[u8; 736]>>>> = Mutex::new(Vec::new());
    let mut slab = locked(&SLAB);
    for _ in 0..5 {
        let free = slab.iter().position(Option::is_none).unwrap_or(slab.len());
        if free == slab.len() {
            slab.push(None);
        }
        slab[free] = black_box(Some(Box::new([1; 736])));
        if free > 2 {
            slab.iter_mut().for_each(|entry| *entry = None);
        }
    }
    slab.iter_mut().for_each(|entry| *entry = None);
}
