//! Tasks and wakers: never polled again, holding each other, forgotten, run to
//! their end.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, pending, ready};
use std::hint::black_box;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use crate::case::{at_least, cases, exactly};
use crate::statics::{ROOM, locked, next_number};

/// The counts before a value in an `Arc`.
const COUNTS: usize = 2 * size_of::<usize>();

cases! { "tasks.rs":
    Kept Open queued_never_polled at spawn: at_least(2, 820),
        "futures are put into a static queue that nobody polls";
    Kept Blind sleeping_task at sleep: exactly(1, COUNTS + size_of::<Sleeper>()),
        "wakers wait in a static for a time that never comes";
    Lost Open waker_cycle at task: exactly(2, COUNTS + size_of::<Task>() + size_of::<Waits>()),
        "a task holds its future, and the future its task's waker";
    Lost Blind pending_forgotten at begin: at_least(2, 610),
        "a future is polled once, and forgotten with its locals";
    Kept Open results_unclaimed at finish: exactly(1, 1_280),
        "results of tasks wait in a static for whoever asks";
    Kept Blind polled_in_vain at wait_for_ever: at_least(2, 950),
        "futures in a static are polled each run, and never ready";
    Clean Open polled_to_end, "a future is polled until it is ready";
    Clean Blind cancelled, "a future is dropped in the middle";
    Clean Open run_until_empty, "a static queue of tasks is run until it is empty";
    Clean Blind woken_next_run, "a waker waits in a static for the next run, which wakes it";
}

type Boxed = Pin<Box<dyn Future<Output = usize> + Send>>;

fn poll(future: &mut Boxed) -> Poll<usize> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn queued_never_polled() {
    spawn();
}

#[inline(never)]
fn spawn() {
    static QUEUE: Mutex<Vec<Boxed>> = Mutex::new(Vec::new());
    let captured = black_box(vec![1_u8; 820]); // leaks
    let future = async move {
        ready(()).await;
        captured.len()
    };
    locked(&QUEUE).push(Box::pin(future)); // leaks
}

struct Sleeper {
    _load: [u8; 512],
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {}
}

fn sleeping_task() {
    sleep();
}

#[inline(never)]
fn sleep() {
    static SLEEPERS: Mutex<Vec<(u64, Waker)>> = Mutex::new(Vec::new());
    let mut sleepers = locked(&SLEEPERS);
    if sleepers.capacity() == 0 {
        sleepers.reserve_exact(ROOM);
    }
    let sleeper = Arc::new(Sleeper { _load: black_box([1; 512]) }); // leaks
    sleepers.push((u64::MAX, Waker::from(sleeper)));
}

struct Task {
    future: Mutex<Option<Pin<Box<Waits>>>>,
    _name: [u8; 40],
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

struct Waits {
    waker: Option<Waker>,
    load: [u8; 201],
}

impl Future for Waits {
    type Output = u8;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u8> {
        if self.waker.is_some() {
            return Poll::Ready(self.load[3]);
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

fn waker_cycle() {
    let task = task();
    let waker = Waker::from(task.clone());
    if let Some(future) = &mut *locked(&task.future) {
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "it waits");
    }
}

#[inline(never)]
fn task() -> Arc<Task> {
    let future = Box::pin(Waits { waker: None, load: [1; 201] }); // leaks
    black_box(Arc::new(Task { future: Mutex::new(Some(future)), _name: [1; 40] })) // leaks
}

fn pending_forgotten() {
    let mut future = begin();
    assert!(poll(&mut future).is_pending(), "it waits");
    mem::forget(future);
}

#[inline(never)]
fn begin() -> Boxed {
    let captured = black_box(vec![1_u8; 610]); // leaks
    let future = async move {
        pending::<()>().await;
        captured.len()
    };
    black_box(Box::pin(future)) // leaks
}

fn results_unclaimed() {
    finish(next_number());
}

#[inline(never)]
fn finish(number: u64) {
    static RESULTS: LazyLock<Mutex<HashMap<u64, Vec<u8>>>> =
        LazyLock::new(|| Mutex::new(HashMap::with_capacity(ROOM)));
    let result = black_box(vec![1; 1_280]); // leaks
    locked(&RESULTS).insert(number, result);
}

fn polled_in_vain() {
    static TASKS: Mutex<Vec<Boxed>> = Mutex::new(Vec::new());
    let mut tasks = locked(&TASKS);
    tasks.push(wait_for_ever());
    tasks.retain_mut(|task| poll(task).is_pending());
}

#[inline(never)]
fn wait_for_ever() -> Boxed {
    let captured = black_box(vec![1_u8; 950]); // leaks
    let future = async move {
        pending::<()>().await;
        captured.len()
    };
    black_box(Box::pin(future)) // leaks
}

/// Waits once, and is ready then.
fn soon(load: usize) -> Boxed {
    let captured = black_box(vec![1_u8; load]);
    Box::pin(async move {
        Waits { waker: None, load: [1; 201] }.await;
        captured.len()
    })
}

fn polled_to_end() {
    let mut future = soon(830);
    assert!(poll(&mut future).is_pending(), "it waits");
    assert_eq!(poll(&mut future), Poll::Ready(830), "it is ready");
}

fn cancelled() {
    let mut future = soon(840);
    assert!(poll(&mut future).is_pending(), "it waits");
    drop(future);
}

fn run_until_empty() {
    static TASKS: Mutex<VecDeque<Boxed>> = Mutex::new(VecDeque::new());
    let mut tasks = locked(&TASKS);
    for _ in 0..6 {
        tasks.push_back(soon(850));
    }
    while let Some(mut task) = tasks.pop_front() {
        if poll(&mut task).is_pending() {
            tasks.push_back(task);
        }
    }
}

fn woken_next_run() {
    static SLEEPER: Mutex<Option<Waker>> = Mutex::new(None);
    let sleeper = Arc::new(Sleeper { _load: black_box([1; 512]) });
    let before = locked(&SLEEPER).replace(Waker::from(sleeper));
    if let Some(before) = before {
        before.wake();
    }
}
