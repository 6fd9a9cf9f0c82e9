//! Blocks that travel: made on one thread, freed on another, or by a thread's
//! end.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use crate::releases::{Released, planted};
use crate::thread_stacks::noted;

use super::text::text;

type Message = ([u8; 64], Vec<u8>, String);

fn message(key: u64, size: usize) -> Message {
    let mut inline = [0; 64];
    crate::releases::plant(key, &mut inline);
    (inline, planted(key, size), text(key, size))
}

/// Every thread frees what the thread before it has made.
pub(super) fn in_a_ring(key: u64, _: &mut Released) {
    const COUNT: usize = 4;
    let (mut senders, receivers): (Vec<_>, Vec<_>) =
        (0..COUNT).map(|_| mpsc::channel::<Message>()).unzip();
    senders.rotate_left(1);
    let threads: Vec<_> = senders
        .into_iter()
        .zip(receivers)
        .map(|(sender, receiver)| {
            thread::spawn(noted(move || {
                for size in (1..100).map(|step| step * 37) {
                    sender.send(message(key, size)).expect("somebody listens");
                }
                drop(sender);
                receiver.iter().for_each(drop);
            }))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("nobody panics"));
}

/// What threads keep, share and return ends with them or behind them.
pub(super) fn that_end(key: u64, _: &mut Released) {
    thread_local! {
        static KEPT: RefCell<Vec<Message>> = const { RefCell::new(Vec::new()) };
    }
    let shared = Arc::new(Mutex::new(Vec::new()));
    for size in [100, 1_000, 50_000] {
        let shared = Arc::clone(&shared);
        let returned = thread::spawn(noted(move || {
            KEPT.with_borrow_mut(|kept| kept.extend((0..3).map(|_| message(key, size))));
            shared.lock().expect("nobody panics").push(message(key, size));
            message(key, size)
        }));
        drop(returned.join().expect("it does not panic"));
    }
}
