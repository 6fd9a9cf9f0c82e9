//! Channels and queues: never drained, forgotten, drained later.

use std::collections::VecDeque;
use std::hint::black_box;
use std::mem;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{LazyLock, Mutex};

use crate::case::{at_least, cases, exactly};
use crate::statics::{ROOM, locked};

cases! { "channels.rs":
    Kept Open undrained: at_least(3, 3 * 160),
        "a channel whose ends are both in a static is sent to, never received from";
    Kept Blind undrained_bounded: exactly(1, 240),
        "a bounded channel in a static is sent to, never received from";
    Lost Open receiver_forgotten at mailbox: at_least(5 + 1, 5 * 88),
        "a receiver is forgotten with messages in its channel";
    Kept Blind jobs_without_a_worker at enqueue: exactly(2, 2 * 344),
        "jobs are queued that no worker takes";
    Clean Open drained_later, "a channel is filled, and drained before the end";
    Clean Blind static_channel_drained, "a channel in a static is filled and drained each run";
    Clean Open messages_in_flight, "a message stays in a static channel until the next run";
    Clean Blind job_queue_drained, "jobs are queued, and done before the end";
}

type Ends<T> = Mutex<(Sender<T>, Receiver<T>)>;

#[inline(never)]
fn undrained() {
    static CHANNEL: LazyLock<Ends<Box<[u8; 160]>>> = LazyLock::new(|| Mutex::new(mpsc::channel()));
    for number in 0..3 {
        let message = black_box(Box::new([number; 160])); // leaks
        locked(&CHANNEL).0.send(message).expect("the receiver is there"); // leaks
    }
}

type BoundedEnds<T> = Mutex<(SyncSender<T>, Receiver<T>)>;

#[inline(never)]
fn undrained_bounded() {
    static CHANNEL: LazyLock<BoundedEnds<Box<[u8; 240]>>> =
        LazyLock::new(|| Mutex::new(mpsc::sync_channel(ROOM)));
    let message = black_box(Box::new([1; 240])); // leaks
    locked(&CHANNEL).0.try_send(message).expect("the channel has room");
}

fn receiver_forgotten() {
    mem::forget(mailbox());
}

#[inline(never)]
fn mailbox() -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(); // leaks
    for number in 0..5 {
        let message = black_box(vec![number; 88]); // leaks
        sender.send(message).expect("the receiver is there"); // leaks
    }
    black_box(receiver)
}

type Job = Box<dyn FnOnce() -> u8 + Send>;

fn jobs_without_a_worker() {
    enqueue(1);
    enqueue(2);
}

#[inline(never)]
fn enqueue(number: u8) {
    static JOBS: Mutex<VecDeque<Job>> = Mutex::new(VecDeque::new());
    let mut jobs = locked(&JOBS);
    if jobs.capacity() == 0 {
        jobs.reserve_exact(ROOM);
    }
    let input = black_box([number; 344]);
    jobs.push_back(Box::new(move || input[9])); // leaks
}

fn drained_later() {
    let (sender, receiver) = mpsc::channel();
    for number in 0..100_u8 {
        sender.send(black_box(Box::new([number; 64]))).expect("the receiver is there");
    }
    drop(sender);
    assert_eq!(receiver.iter().count(), 100, "all arrive");
}

fn static_channel_drained() {
    static CHANNEL: LazyLock<Ends<Vec<u8>>> = LazyLock::new(|| Mutex::new(mpsc::channel()));
    let channel = locked(&CHANNEL);
    for number in 0..40 {
        channel.0.send(black_box(vec![number; 128])).expect("the receiver is there");
        black_box(channel.1.recv().expect("a message is there"));
    }
}

fn messages_in_flight() {
    static CHANNEL: LazyLock<BoundedEnds<Vec<u8>>> =
        LazyLock::new(|| Mutex::new(mpsc::sync_channel(4)));
    let channel = locked(&CHANNEL);
    drop(channel.1.try_recv());
    channel.0.try_send(black_box(vec![1; 2_400])).expect("the channel has room");
}

fn job_queue_drained() {
    static JOBS: Mutex<VecDeque<Job>> = Mutex::new(VecDeque::new());
    let mut jobs = locked(&JOBS);
    for number in 0..12 {
        let input = black_box([number; 344]);
        jobs.push_back(Box::new(move || input[9]));
    }
    while let Some(job) = jobs.pop_front() {
        black_box(job());
    }
}
