//! Ledger, journal and a naive book of `malloc_usable_size`s hold the same
//! figures, with one thread and with several that free each other's blocks.

use std::sync::{Barrier, Mutex};
use std::thread;

use scrubjay_log_format::{Mode, cell};
use scrubjay_tests::child;
use scrubjay_tests::figures::Figures;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::harness::count;
use scrubjay_tests::log::Log;
use scrubjay_tests::random::Random;

use crate::c::{self, Ask, Block, figures};

pub fn test() {
    for (mode, verify) in [("count", "off"), ("journal", "off"), ("journal", "on")] {
        for threads in ["1", "4"] {
            let folder = Folder::new();
            let path = folder.join("run.jay");
            let child = child!().log(&path).setting("SCRUBJAY_MODE", mode);
            let child = child.setting("SCRUBJAY_VERIFY", verify);
            let finished = child.argument(threads).succeed();
            assert_eq!(finished.errors, "");
            let log = Log::read(&path);
            log.check();
            check(&log, &finished.output);
        }
    }
}

/// Holds the log against what the child told: its book of what lives.
fn check(log: &Log, told: &str) {
    let cell = log.cell(log.tag(c::TAG));
    assert_eq!(cell[cell::UNWIPED_BYTES], 0);
    assert_eq!(cell[cell::WIPED_BYTES] + cell[cell::CARRIED_BYTES], cell[cell::FREED_BYTES]);
    if log.header.mode != Mode::Journal {
        return;
    }
    let live = log.live_blocks();
    for line in told.lines() {
        let (address, size) = line.split_once(' ').expect("address and size");
        let [address, size] = [address, size].map(|word| word.parse::<u64>().expect("a number"));
        let block = live.iter().find(|block| block.address == address);
        let block = block.unwrap_or_else(|| panic!("the journal does not know {address:#x}"));
        assert_eq!((block.size, &block.tag[..]), (size, c::TAG));
    }
}

pub fn child(arguments: &[String]) {
    let threads: usize = arguments[0].parse().expect("a number");
    let left = Mutex::new(Vec::with_capacity(100_000));
    let barrier = Barrier::new(threads + 1);
    let books = thread::scope(|scope| {
        let work = |number| {
            // What starting a thread takes is none of the book's, either.
            barrier.wait();
            barrier.wait();
            let book = churn(number as u64, &left);
            barrier.wait();
            // The thread's own end is none of the book's.
            barrier.wait();
            book
        };
        let workers: Vec<_> =
            (0..threads).map(|number| scope.spawn(move || work(number))).collect();
        barrier.wait();
        let before = figures();
        barrier.wait();
        barrier.wait();
        let after = figures();
        barrier.wait();
        let books = workers.into_iter().map(|worker| worker.join().expect("no panic"));
        let mut sum = before;
        books.for_each(|book| sum += book);
        (sum, after)
    });
    assert_eq!(books.0, books.1, "the book, and the ledger");
    let left = left.into_inner().expect("no panic");
    assert!(left.len() > 100);
    for block in &left {
        println!("{} {}", block.address(), block.size());
    }
    std::mem::forget(left);
}

/// Allocates, resizes and frees at random, and keeps a book.
fn churn(seed: u64, shared: &Mutex<Vec<Block>>) -> Figures {
    let random = &mut Random::new(seed);
    let mut book = Figures::default();
    let mut held: Vec<Block> = Vec::with_capacity(1_000);
    for _ in 0..count(5_000, 200_000) {
        match random.below(100) {
            0..50 if held.len() < 500 => {
                let Ok(mut block) = Block::by(ask(random), size(random)) else {
                    book.failed_count += 1;
                    continue;
                };
                block.bytes().fill(1);
                book.allocated_bytes += block.size() as u64;
                book.allocated_blocks += 1;
                held.push(block);
            }
            50..60 if !held.is_empty() => {
                let index = random.below(held.len());
                resize(&mut held[index], size(random), &mut book);
            }
            60..65 if !held.is_empty() => {
                shared.lock().expect("no panic").push(held.swap_remove(0));
            }
            65..68 => {
                if let Some(block) = shared.lock().expect("no panic").pop() {
                    free(block, &mut book);
                }
            }
            _ if !held.is_empty() => {
                let index = random.below(held.len());
                free(held.swap_remove(index), &mut book);
            }
            _ => {}
        }
    }
    shared.lock().expect("no panic").extend(held);
    book
}

fn resize(block: &mut Block, size: usize, book: &mut Figures) {
    let (address, old) = (block.address(), block.size() as u64);
    if !block.resize(size) {
        book.failed_count += 1;
        return;
    }
    let new = block.size() as u64;
    book.allocated_bytes += new;
    book.allocated_blocks += 1;
    book.freed_bytes += old;
    book.freed_blocks += 1;
    book.kept_bytes += old.min(new);
    if block.address() == address {
        book.realloc_in_place += 1;
    } else {
        book.realloc_moved += 1;
    }
}

fn free(block: Block, book: &mut Figures) {
    book.freed_bytes += block.size() as u64;
    book.freed_blocks += 1;
    drop(block);
}

fn ask(random: &mut Random) -> Ask {
    match random.below(10) {
        0..6 => Ask::Malloc,
        6..8 => Ask::Calloc,
        8 => Ask::Memalign(1 << random.below(13)),
        _ => Ask::PosixMemalign(8 << random.below(10)),
    }
}

fn size(random: &mut Random) -> usize {
    match random.below(200) {
        0..150 => random.below(300) + 1,
        150..190 => random.below(10_000) + 1,
        190..198 => random.below(300_000) + 1,
        198 => random.below(6 << 20) + 1,
        // No machine has so much.
        _ => 1 << 60,
    }
}
