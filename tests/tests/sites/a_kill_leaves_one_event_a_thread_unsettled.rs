//! Four threads that move a cache's entry at nearly every event are killed: with
//! each move that was under way taken as done or as not done, the sites of a
//! tag add up to its cells, but for one event a thread that was in flight.

use std::sync::Barrier;
use std::time::Duration;

use scrubjay::Tag;
use scrubjay_log_format::cell;
use scrubjay_log_format::site::CachedSite;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::random::Random;
use scrubjay_tests::{child, harness, paths};

static TAG: Tag = Tag::new("killed");
const THREADS: usize = 4;
/// Four times the places of a thread's cache.
const DEPTH: u32 = 10;
const SIZE: u64 = 100;
/// Blocks of a site at one time.
const EACH: usize = 32;

pub fn test() {
    let mut random = Random::new(u64::from(std::process::id()));
    let (mut rounds, mut interrupted) = (0, 0);
    // On, if need be, until a kill hits what this is about.
    while rounds < harness::count(12, 200) || interrupted == 0 && rounds < 200 {
        rounds += 1;
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let child = child!().log(&path).setting("SCRUBJAY_MODE", "count");
        let mut running = child.setting("SCRUBJAY_STACKS", "on").start();
        assert_eq!(running.line(), "warm");
        std::thread::sleep(Duration::from_micros(random.below(10_000) as u64));
        running.kill();
        interrupted += usize::from(check(&Log::read(&path)) > 0);
    }
    assert!(interrupted > 0, "none of {rounds} rounds hit a move");
    println!("  {interrupted} of {rounds} kills hit a move");
}

/// Answers how many moves were under way.
fn check(log: &Log) -> usize {
    let tag = log.tag(TAG.name());
    let cell = log.cell(tag);
    let own = |site: u32| log.tag_of(site) == tag;
    let mut sums = [0_u64; 4];
    for site in log.sites.values().filter(|site| site.tag == tag) {
        for (sum, counter) in sums.iter_mut().zip(log.site_counters[&site.index]) {
            *sum += counter;
        }
    }
    // Counters that may have been moved already.
    let mut open: Vec<(usize, u64)> = Vec::new();
    for &CachedSite { site, moving, counters } in &log.cached_sites {
        if !own(site) {
            continue;
        }
        let first = moving.unwrap_or(0) as usize;
        for (index, counter) in counters.into_iter().enumerate().skip(first) {
            if moving == Some(index as u32) {
                open.push((index, counter));
            } else {
                sums[index] += counter;
            }
        }
    }
    assert!(open.len() <= THREADS, "{open:?}");
    let places =
        [cell::ALLOCATED_BYTES, cell::ALLOCATED_BLOCKS, cell::FREED_BYTES, cell::FREED_BLOCKS];
    let units = [SIZE, 1, SIZE, 1];
    let fits = (0..1_u32 << open.len()).any(|choice| {
        let mut sums = sums;
        for (bit, &(index, counter)) in open.iter().enumerate() {
            if choice >> bit & 1 != 0 {
                sums[index] += counter;
            }
        }
        (0..4)
            .all(|index| sums[index].abs_diff(cell[places[index]]) <= THREADS as u64 * units[index])
    });
    assert!(fits, "{sums:?} and {open:?} in sites, {:?} in cells", places.map(|word| cell[word]));
    open.len()
}

pub fn child(_: &[String]) {
    let barrier = Barrier::new(THREADS + 1);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut blocks: Vec<Vec<Vec<u8>>> = (0..1 << DEPTH).map(blocks_of_a_site).collect();
                barrier.wait();
                barrier.wait();
                // One of each site in turn: each is a miss in the cache.
                for _ in 0..EACH {
                    for own in &mut blocks {
                        own.pop();
                    }
                }
                loop {
                    std::thread::park();
                }
            });
        }
        barrier.wait();
        println!("warm");
        barrier.wait();
    });
}

fn blocks_of_a_site(number: u32) -> Vec<Vec<u8>> {
    let mut blocks = Vec::with_capacity(EACH);
    let _scope = TAG.enter();
    paths::walk(number, DEPTH, &mut || {
        blocks.extend((0..EACH).map(|_| std::hint::black_box(vec![1_u8; SIZE as usize])));
    });
    blocks
}
