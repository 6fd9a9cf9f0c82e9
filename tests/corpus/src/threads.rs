//! Threads: that never end, that end and leave something, that free for others.

use std::cell::RefCell;
use std::hint::black_box;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::thread::{self, Builder, JoinHandle};
use std::time::Duration;

use crate::case::{at_least, cases, exactly};
use crate::statics::{ROOM, locked};
use crate::workers::Workers;

cases! { "threads.rs":
    Kept Open parked_thread at park_with: at_least(1, 9_001),
        "each run leaves a parked thread, with a vector on its stack";
    Kept Blind thread_that_waits at wait_with: at_least(1, 5_555),
        "each run leaves a thread that waits for what nobody says";
    Lost Open on_an_ended_thread at forget_there: exactly(1, 1_210),
        "a thread forgets a vector, and ends";
    Lost Blind handle_forgotten at work: at_least(1, 700),
        "the handle of a thread is forgotten, with the vector that it answered";
    Lost Open on_a_pool_thread at forget_in_pool: exactly(2, 2 * 904),
        "a pool's worker forgets what a run handed to it";
    Kept Blind pool_threads_own at keep: exactly(1, 1_666),
        "a pool's worker keeps what each run handed to it, in its thread-local";
    Lost Blind in_a_scope at forget_in_scope: exactly(3, 3 * 130),
        "scoped threads forget a box each";
    Clean Open detached_soon_ends, "a thread that nobody joins ends 10 ms later, and frees";
    Clean Blind late_free, "a living thread frees 20 ms after the run";
    Clean Open dropped_elsewhere, "a vector is moved to another thread, and dropped there";
    Clean Blind on_a_stack_only, "a living thread's stack alone holds a box";
    Clean Open pool_thread_local, "a pool's worker keeps a buffer in its thread-local, and uses it";
    Clean Blind named_thread, "a thread has a name, and is joined";
    Clean Open first_touched_elsewhere, "a thread of the run is the first to touch a static";
    Clean Blind scoped_result, "scoped threads answer vectors, which are added up";
}

/// Little stack: some cases leave their threads behind.
fn start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().stack_size(128 << 10).spawn(work).expect("a thread can be started")
}

/// Threads that have made what they hold.
static HOLDING: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

/// Starts a thread and waits until it has made what it holds.
fn start_holding(count: &AtomicUsize, work: fn()) {
    let before = count.load(Ordering::Acquire);
    drop(start(work));
    while count.load(Ordering::Acquire) == before {
        thread::yield_now();
    }
}

fn parked_thread() {
    start_holding(&HOLDING[0], park_with);
}

#[inline(never)]
fn park_with() {
    let held = black_box(vec![1_u8; 9_001]); // leaks
    HOLDING[0].fetch_add(1, Ordering::Release);
    loop {
        thread::park();
        black_box(&held);
    }
}

fn thread_that_waits() {
    start_holding(&HOLDING[1], wait_with);
}

#[inline(never)]
fn wait_with() {
    static SAID: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
    let held = black_box(vec![1_u8; 5_555]); // leaks
    HOLDING[1].fetch_add(1, Ordering::Release);
    let mut said = locked(&SAID.0);
    while !*said {
        said = SAID.1.wait(said).unwrap_or_else(PoisonError::into_inner);
    }
    drop(held);
}

fn on_an_ended_thread() {
    start(forget_there).join().expect("the thread does not panic");
}

#[inline(never)]
fn forget_there() {
    mem::forget(black_box(vec![1_u8; 1_210])); // leaks
}

fn handle_forgotten() {
    let handle = start(work);
    while !handle.is_finished() {
        thread::sleep(Duration::from_micros(100));
    }
    mem::forget(handle);
}

#[inline(never)]
fn work() -> Vec<u8> {
    black_box(vec![1; black_box(700)]) // leaks
}

fn on_a_pool_thread() {
    static POOL: LazyLock<Workers> = LazyLock::new(|| Workers::start(2));
    for _ in 0..2 {
        POOL.add(forget_in_pool);
    }
    POOL.wait();
}

#[inline(never)]
fn forget_in_pool() {
    mem::forget(black_box(vec![1_u8; 904])); // leaks
}

fn pool_threads_own() {
    static POOL: LazyLock<Workers> = LazyLock::new(|| Workers::start(1));
    POOL.add(remember_in_pool);
    POOL.wait();
}

fn remember_in_pool() {
    thread_local! {
        static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    }
    KEPT.with_borrow_mut(keep);
}

// Not a closure: where debug information is scant, that has no name.
#[inline(never)]
fn keep(kept: &mut Vec<Vec<u8>>) {
    if kept.capacity() == 0 {
        kept.reserve_exact(ROOM);
    }
    kept.push(black_box(vec![1_u8; 1_666])); // leaks
}

fn in_a_scope() {
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(forget_in_scope);
        }
    });
}

fn detached_soon_ends() {
    drop(start(|| {
        let held = black_box(vec![1_u8; 2_500]);
        thread::sleep(Duration::from_millis(10));
        drop(held);
    }));
}

fn late_free() {
    static POOL: LazyLock<Workers> = LazyLock::new(|| Workers::start(1));
    let late = black_box(vec![1_u8; 3_500]);
    POOL.add(move || {
        thread::sleep(Duration::from_millis(20));
        drop(late);
    });
}

fn dropped_elsewhere() {
    let moved = black_box(vec![1_u8; 1_800]);
    start(move || drop(black_box(moved))).join().expect("the thread does not panic");
}

fn on_a_stack_only() {
    /// What is handed over: the next box.
    type Slot = Arc<(Mutex<Option<Box<[u8; 1_300]>>>, Condvar)>;

    static SLOT: LazyLock<Slot> = LazyLock::new(|| {
        let slot = Slot::default();
        let taken = slot.clone();
        drop(start(move || {
            let mut held: Option<Box<[u8; 1_300]>> = None;
            let mut next = locked(&taken.0);
            loop {
                if next.is_some() {
                    // The box of the run before goes, this one stays here.
                    held = next.take();
                    taken.1.notify_all();
                }
                black_box(&held);
                next = taken.1.wait(next).unwrap_or_else(PoisonError::into_inner);
            }
        }));
        slot
    });
    let mut next = locked(&SLOT.0);
    *next = Some(black_box(Box::new([1; 1_300])));
    SLOT.1.notify_all();
    while next.is_some() {
        next = SLOT.1.wait(next).unwrap_or_else(PoisonError::into_inner);
    }
}

fn pool_thread_local() {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    static POOL: LazyLock<Workers> = LazyLock::new(|| Workers::start(1));
    POOL.add(|| {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            buffer.resize(black_box(2_222), 1);
        });
    });
    POOL.wait();
}

fn named_thread() {
    let thread = Builder::new().name("a thread that has a name".to_owned()).spawn(|| {
        black_box(thread::current().name().map(str::len));
    });
    thread.expect("a thread can be started").join().expect("the thread does not panic");
}

fn first_touched_elsewhere() {
    static TABLE: LazyLock<Vec<u64>> = LazyLock::new(|| (0..300).collect());
    let sum = start(|| TABLE.iter().sum::<u64>()).join().expect("the thread does not panic");
    assert_eq!(sum, 44_850, "the table is whole");
}

fn scoped_result() {
    let total: usize = thread::scope(|scope| {
        let threads = [1, 2, 3].map(|number| scope.spawn(move || black_box(vec![number; 400])));
        threads.map(|thread| thread.join().expect("the thread does not panic").len()).iter().sum()
    });
    assert_eq!(total, 1_200, "all answered");
}

#[inline(never)]
fn forget_in_scope() {
    mem::forget(black_box(Box::new([1_u8; 130]))); // leaks
}
