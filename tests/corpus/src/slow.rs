//! Traps that take some rounds to settle: what has a limit, and is not there
//! yet, grows as a leak does.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use crate::case::cases;
use crate::statics::locked;
use crate::workers::Workers;

cases! { "slow.rs":
    Clean Open cache_fills_up settles 5, "each run adds a page to a cache of five",
        except "below its limit a cache grows as a leak does: only further rounds tell";
    Clean Blind flushed_every_third_run settles 3, "deferred drops are done when there are three",
        except "one round more, and the next less: only further rounds tell";
    Clean Open second_stage settles 3, "a pattern is compiled better at its third use",
        except "what is made late is no leak: only further rounds tell";
    Clean Blind worker_by_worker settles 4, "each run is the first of another worker, up to four",
        except "each worker makes its own once: only further rounds tell";
    Clean Open last_eight_answers settles 8, "a list keeps the last eight answers",
        except "below its limit a list grows as a leak does: only further rounds tell";
    Clean Blind ring_grows_to_its_limit settles 7, "a ring's room doubles, up to 256 numbers",
        except "below its limit a ring grows as a leak does: only further rounds tell";
}

fn cache_fills_up() {
    static CACHE: Mutex<VecDeque<Box<[u8; 700]>>> = Mutex::new(VecDeque::new());
    let mut cache = locked(&CACHE);
    if cache.len() == 5 {
        cache.pop_front();
    }
    cache.push_back(black_box(Box::new([1; 700])));
}

fn flushed_every_third_run() {
    static RETIRED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    let mut retired = locked(&RETIRED);
    retired.push(black_box(vec![1; 1_200]));
    if retired.len() == 3 {
        retired.clear();
    }
}

fn second_stage() {
    static USES: AtomicUsize = AtomicUsize::new(0);
    static TABLE: LazyLock<Vec<[u8; 256]>> = LazyLock::new(|| vec![[1; 256]; 9]);
    if USES.fetch_add(1, Ordering::Relaxed) >= 2 {
        black_box(TABLE[3][4]);
    }
}

fn worker_by_worker() {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    static WORKERS: LazyLock<[Workers; 4]> =
        LazyLock::new(|| std::array::from_fn(|_| Workers::start(1)));
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let worker = &WORKERS[NEXT.fetch_add(1, Ordering::Relaxed) % 4];
    worker.add(|| {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            buffer.resize(black_box(3_300), 1);
        });
    });
    worker.wait();
}

fn last_eight_answers() {
    static ANSWERS: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());
    let mut answers = locked(&ANSWERS);
    if answers.len() == 8 {
        answers.pop_front();
    }
    answers.push_back("an answer ".repeat(black_box(12)));
}

fn ring_grows_to_its_limit() {
    static RING: Mutex<(Vec<u64>, usize)> = Mutex::new((Vec::new(), 0));
    let (numbers, at) = &mut *locked(&RING);
    for number in 0..40 {
        match numbers.get_mut(*at % 256) {
            Some(oldest) => *oldest = number,
            None => numbers.push(number),
        }
        *at += 1;
    }
}
