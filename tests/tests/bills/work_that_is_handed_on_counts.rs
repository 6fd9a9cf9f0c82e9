//! A lease's context takes it to other threads, to rayon's and to tokio's tasks, which
//! move between threads as they wait; each task's bill is its own.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use rayon::prelude::*;
use scrubjay::{Context, Lease, Tag};

static WORK: Tag = Tag::new("handed on/work");

fn block(size: usize) -> Vec<u8> {
    let _scope = WORK.enter();
    black_box(vec![1_u8; size])
}

fn live(bill: &scrubjay::Bill) -> (u64, u64) {
    bill.tag("handed on/work").map_or((0, 0), |tag| (tag.live_bytes, tag.live_blocks))
}

pub fn test() {
    threads();
    all_at_once();
    rayons();
    tokios();
}

fn threads() {
    // Started beforehand, so that they work for nobody by themselves.
    let (sender, receiver) = std::sync::mpsc::channel::<Box<dyn FnOnce() + Send>>();
    let worker = thread::spawn(move || receiver.into_iter().for_each(|work| work()));
    let (answer, answers) = std::sync::mpsc::channel();
    let lease = Lease::begin("threads");
    let context = lease.context();
    for with_context in [true, false] {
        let answer = answer.clone();
        let work = move || {
            let _adopted = with_context.then(|| context.adopt());
            answer.send(block(1_000)).unwrap();
        };
        sender.send(Box::new(work)).unwrap();
    }
    let blocks = [answers.recv().unwrap(), answers.recv().unwrap()];
    assert_eq!(live(&lease.bill()), (1_000, 1));
    drop(blocks);
    assert_eq!(live(&lease.end()), (0, 0));
    drop(sender);
    worker.join().unwrap();
}

/// Each for itself, and all in a hurry: nothing is lost between them.
fn all_at_once() {
    const EACH: u64 = 100_000;
    let lease = Lease::begin("all at once");
    let context = lease.context();
    let work = move || {
        let _adopted = context.adopt();
        (0..EACH).for_each(|_| drop(block(100)));
    };
    let threads: Vec<_> = (0..3).map(|_| thread::spawn(work)).collect();
    work();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let bill = lease.end();
    let tag = bill.tag("handed on/work").unwrap();
    assert_eq!((tag.allocated_blocks, tag.allocated_bytes), (4 * EACH, 400 * EACH));
    assert_eq!((tag.live_blocks, tag.wiped_bytes), (0, 400 * EACH));
    assert!((100..=400).contains(&tag.peak_bytes));
}

fn rayons() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let lease = Lease::begin("rayon");
    let context = lease.context();
    let blocks: Vec<Vec<u8>> = pool.install(|| {
        (0..1_000)
            .into_par_iter()
            .map(|size| {
                let _adopted = context.adopt();
                block(1 + size)
            })
            .collect()
    });
    assert_eq!(live(&lease.bill()), (500_500, 1_000));
    pool.install(|| blocks.into_par_iter().for_each(drop));
    assert_eq!(live(&lease.bill()), (0, 0));
}

fn tokios() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build();
    let runtime = runtime.unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (1..=200)
            .map(|size| {
                tokio::spawn(async move {
                    let (kept, bill) = Lease::pending("task").run(task(size)).await;
                    assert!(Context::current().is_for_whom(Context::nobodys()));
                    assert_eq!(live(&bill), (size as u64, 1));
                    let allocated = bill.tag("handed on/work").unwrap().allocated_bytes;
                    assert_eq!(allocated, 11 * size as u64);
                    kept
                })
            })
            .collect();
        for task in tasks {
            drop(task.await.unwrap());
        }
        cancelled().await;
    });
}

async fn task(size: usize) -> Vec<u8> {
    for _ in 0..10 {
        let block = block(size);
        tokio::time::sleep(Duration::from_micros(size as u64)).await;
        drop(block);
    }
    block(size)
}

/// A future that is dropped half way frees what it has.
async fn cancelled() {
    let pending = Lease::pending("cancelled");
    let work = pending.context().follow(async {
        let _block = block(5_000);
        std::future::pending::<()>().await;
    });
    let task = tokio::spawn(work);
    while live(&pending.bill()) == (0, 0) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    task.abort();
    task.await.unwrap_err();
    assert_eq!(live(&pending.end()), (0, 0));
}

pub use scrubjay_tests::harness::no_child as child;
