//! Tasks on a runtime of many threads, that wait, are stolen, lose races and are
//! cancelled, and allocate all the while.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use scrubjay_tests::random::Random;
use tokio::runtime::{Builder, Runtime};
use tokio::task;

use super::blocks::{self, TAG_COUNT, block, grow};

/// How a future gets its tag.
pub trait Way: 'static {
    /// The future, under the tag of that number, from 1 on.
    fn under<F>(number: usize, future: F) -> impl Future<Output = F::Output> + Send
    where
        F: Future<Output: Send> + Send;
}

/// Futures that went on on another thread than where they had stopped.
static STOLEN: AtomicU64 = AtomicU64::new(0);
/// Futures that were dropped before their end, by whom they were given up.
static ABORTED: AtomicU64 = AtomicU64::new(0);
static OUTRUN: AtomicU64 = AtomicU64::new(0);

const TASKS: usize = 300;
const ROUNDS: usize = 800;

/// Runs all of it, and tells how much of what there was.
pub fn run<W: Way>() {
    let runtime = runtime();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| task::spawn(W::under(number(task), work::<W>(number(task), task as u64))))
            .collect();
        for (index, waiter) in tasks.into_iter().enumerate() {
            // Between tasks no tag is active.
            drop(block(0));
            if index % 3 == 0 {
                abort_one::<W>(number(index)).await;
            }
            waiter.await.expect("no task panics");
        }
    });
    drop(runtime);
    blocks::tell();
    for (name, count) in [("stolen", &STOLEN), ("aborted", &ABORTED), ("outrun", &OUTRUN)] {
        println!("{name}: {}", count.load(Ordering::Relaxed));
    }
}

fn runtime() -> Runtime {
    // More than there may be processors: then they take turns at odd moments.
    Builder::new_multi_thread().worker_threads(4).build().expect("there are threads")
}

fn number(task: usize) -> usize {
    1 + task % (TAG_COUNT - 1)
}

/// Allocates, waits, and has others wait for it; keeps blocks across all of it.
async fn work<W: Way>(number: usize, seed: u64) {
    let mut random = Random::new(seed);
    let mut kept = Vec::with_capacity(16);
    for _ in 0..ROUNDS {
        kept.push(block(number));
        match random.below(8) {
            0 => pass().await,
            1 => race::<W>(number, 1 + random.below(TAG_COUNT - 1)).await,
            2 => {
                let inner = 1 + random.below(TAG_COUNT - 1);
                let last = kept.last_mut().expect("one was kept just now");
                W::under(inner, nested(inner, last)).await;
            }
            _ => {}
        }
        if kept.len() == 16 {
            kept.swap_remove(random.below(16));
        }
        drop(block(number));
    }
}

/// A future within another, which also grows a block of the other's.
async fn nested(number: usize, of_another: &mut Vec<u8>) {
    let own = block(number);
    if of_another.capacity() < 1_200 {
        grow(of_another);
    }
    pass().await;
    drop(block(number));
    drop(own);
}

/// One of two wins, and the other is dropped where it waits.
async fn race<W: Way>(outer: usize, inner: usize) {
    let slow = async {
        let _parting = Parting(inner, &OUTRUN);
        drop(block(inner));
        pending::<()>().await;
    };
    let quick = async {
        drop(block(inner));
        pass().await;
        drop(block(inner));
    };
    tokio::select! {
        biased;
        () = W::under(inner, slow) => unreachable!(),
        () = W::under(inner, quick) => drop(block(outer)),
    }
}

/// A task that would never end is cancelled from another.
async fn abort_one<W: Way>(number: usize) {
    let waits = Arc::new(AtomicBool::new(false));
    let tells = waits.clone();
    let task = task::spawn(W::under(number, async move {
        let _parting = Parting(number, &ABORTED);
        drop(block(number));
        tells.store(true, Ordering::Relaxed);
        pending::<()>().await;
    }));
    while !waits.load(Ordering::Relaxed) {
        pass().await;
    }
    task.abort();
    assert!(task.await.expect_err("it never ends").is_cancelled());
}

/// Has others run meanwhile; what goes on afterwards may do so elsewhere.
async fn pass() {
    let before = thread::current().id();
    task::yield_now().await;
    if thread::current().id() != before {
        STOLEN.fetch_add(1, Ordering::Relaxed);
    } else {
        // Has another take the thread's place now and then.
        thread::sleep(Duration::ZERO);
    }
}

/// Allocates as it is destroyed.
struct Parting(usize, &'static AtomicU64);

impl Drop for Parting {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::Relaxed);
        drop(block(self.0));
    }
}

/// What the child told, beside that no tag was wrong.
pub fn check(output: &str) {
    for name in ["stolen", "aborted", "outrun"] {
        let count = blocks::told(output, name);
        println!("{name}: {count}");
        assert!(count >= 100, "{name}: {count}");
    }
}
