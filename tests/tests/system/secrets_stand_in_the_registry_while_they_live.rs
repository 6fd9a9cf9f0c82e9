//! The registry in the log holds the blocks of secret tags that live, and no
//! others: after allocations, growth and frees on four threads that hand blocks
//! to each other, in both modes, and with a log that starts in the middle. A
//! block is as old as it was when it was first allocated.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Mutex;
use std::thread;

use scrubjay::Tag;
use scrubjay_log_format::tag::UNREGISTERED_BLOCKS;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::random::Random;
use scrubjay_tests::{child, harness, threads};

static SECRET: Tag = Tag::new("secret").secret();
static FIRST: Tag = Tag::new("first").secret();
static LATER: Tag = Tag::new("later").secret();
static PUBLIC: Tag = Tag::new("public");

pub fn test() {
    for (mode, start) in [("count", "early"), ("journal", "early"), ("count", "late")] {
        for round in 0..harness::count(3, 100) {
            let folder = Folder::new();
            let path = folder.join("run.jay");
            let child = child!().setting("SCRUBJAY_MODE", mode).argument(round.to_string());
            let child = match start {
                "late" => child.argument(&path),
                _ => child.log(&path),
            };
            let told = child.succeed().output;
            check(&Log::read(&path), &told);
        }
    }
}

/// Holds the registry against what the child said lives: address and size.
fn check(log: &Log, told: &str) {
    let block = |line: &str| {
        let (address, size) = line.split_once(' ').expect("two numbers");
        (address.parse().expect("a number"), size.parse().expect("a number"))
    };
    let told: BTreeSet<(u64, u64)> = told.lines().map(block).collect();
    let of = |tag: &'static Tag| {
        let site = log.tag(tag.name());
        log.registry.iter().filter(move |block| log.tag_of(block.site) == site)
    };
    let registered: BTreeSet<_> = of(&SECRET).map(|block| (block.address, block.size)).collect();
    assert!(told.len() > 20, "{}", told.len());
    let wrong: Vec<_> = registered.symmetric_difference(&told).collect();
    assert!(wrong.is_empty(), "{wrong:?} of {registered:?}");
    assert_eq!(of(&SECRET).count(), told.len(), "no block stands there twice");
    assert_eq!(of(&PUBLIC).count(), 0);
    assert_eq!(log.ledger(PUBLIC.name()).live().1, 1, "there is a public block");
    let born = |tag| of(tag).map(|block| block.born_ticks).collect::<Vec<_>>();
    let (first, later) = (born(&FIRST), born(&LATER));
    assert!(first.len() == 1 && later.len() == 1 && first < later, "{first:?} {later:?}");
    assert!(log.totals.values().all(|words| words[UNREGISTERED_BLOCKS] == 0));
}

pub fn child(arguments: &[String]) {
    let round: u64 = arguments[0].parse().expect("a number");
    let hold = |tag: &'static Tag, size| {
        let _scope = tag.enter();
        Vec::<u8>::with_capacity(size)
    };
    let mut first = hold(&FIRST, 10);
    let _later = black_box(hold(&LATER, 10));
    let _public = black_box(hold(&PUBLIC, 10));
    let pool: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::with_capacity(10_000));
    threads::scope(|scope| {
        for number in 0..4 {
            let pool = &pool;
            scope.spawn(move || {
                let mut random = Random::new(round << 8 | number);
                for _ in 0..5_000 {
                    let taken = {
                        let mut pool = pool.lock().expect("nobody panics");
                        let count = pool.len();
                        (count > 0).then(|| pool.swap_remove(random.below(count)))
                    };
                    let given = match (random.below(16), taken) {
                        (0, Some(_)) => None,
                        (1..5, Some(mut block)) => {
                            block.reserve_exact(block.capacity() + random.below(500));
                            Some(block)
                        }
                        (_, Some(block)) if random.one_in(2) => Some(block),
                        (_, taken) => {
                            drop(taken);
                            Some(hold(&SECRET, 1 + random.below(300)))
                        }
                    };
                    let more = random.one_in(8).then(|| hold(&SECRET, 1 + random.below(3_000)));
                    pool.lock().expect("nobody panics").extend(given.into_iter().chain(more));
                }
            });
        }
        if let Some(path) = arguments.get(1) {
            thread::sleep(std::time::Duration::from_micros(500 + 300 * round));
            scrubjay::start_log(path).expect("a log can be started");
        }
    });
    first.reserve_exact(100_000);
    for block in pool.lock().expect("nobody panics").iter() {
        println!("{} {}", block.as_ptr() as usize, block.capacity());
    }
    std::mem::forget(black_box((first, _later, _public, pool)));
}
