//! Rayon's pools, by their start and by the job; threads; items of channels;
//! tasks and blocking work of Tokio's.

use std::sync::mpsc;
use std::thread;

use rayon::prelude::*;
use scrubjay::{Carried, Context};
use scrubjay_tests::child;
use tokio::runtime;

use super::blocks::{self, TAG_COUNT, block, grow, tag};

const JOBS: usize = 2_000;

pub fn test() {
    blocks::check(child!(), 20_000);
}

pub fn child(_: &[String]) {
    pools();
    threads();
    channels();
    tasks();
    drop(block(0));
    blocks::tell();
}

/// A pool's threads have its tag; jobs that bring another have that meanwhile.
fn pools() {
    let handler = Context::nobodys().with_tag(tag(1)).start_handler();
    rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .start_handler(handler)
        .build_global()
        .expect("it is the first");
    let context = Context::tagged(tag(2)).start_handler();
    let own = rayon::ThreadPoolBuilder::new().num_threads(2).start_handler(context).build();
    let own = own.expect("there are threads");
    (0..JOBS).into_par_iter().for_each(|_| drop(block(1)));
    own.install(|| (0..JOBS).into_par_iter().for_each(|_| drop(block(2))));

    let _scope = tag(3).enter();
    // Of what is not handed on, each thread's own is the tag: but for this one's part.
    (0..JOBS).into_par_iter().for_each(Context::current().wrap_each(|_| {
        drop(block(3));
        // Whoever waits takes up what others left, and then has its own again.
        let mut mine = block(3);
        let inner = Context::tagged(tag(4));
        rayon::join(inner.wrap(|| drop(block(4))), inner.wrap(|| drop(block(4))));
        grow(&mut mine);
        drop(block(3));
    }));
    drop(block(3));
    let context = Context::current();
    rayon::scope(|scope| {
        scope.spawn(move |_| context.wrap(|| drop(block(3)))());
    });
}

/// Theirs is the tag of whoever starts them.
fn threads() {
    let threads: Vec<_> = (0..TAG_COUNT)
        .map(|number| {
            let _scope = (number > 0).then(|| tag(number).enter());
            scrubjay::spawn(move || {
                drop(block(number));
                // Theirs in turn.
                let builder = thread::Builder::new().name(format!("traveller {number}"));
                let second = scrubjay::spawn_by(builder, move || block(number));
                second.expect("there are threads").join().expect("it does not panic")
            })
        })
        .collect();
    for thread in threads {
        drop(thread.join().expect("it does not panic"));
    }
    let _scope = tag(5).enter();
    let context = Context::current();
    thread::scope(|scope| {
        scope.spawn(context.wrap(|| drop(block(5))));
        // Std's own does not.
        scope.spawn(|| drop(block(0)));
    });
}

/// What is received is worked on under its sender's tag, also what nobody opens.
fn channels() {
    let (sender, receiver) = mpsc::channel::<Carried<Parcel>>();
    let worker = thread::spawn(move || {
        let opened = receiver.iter().take(JOBS).map(Carried::open).map(|(_adopted, parcel)| {
            drop(block(parcel.0));
        });
        assert_eq!(opened.count(), JOBS);
        drop(block(0));
        drop(receiver);
    });
    for job in 0..JOBS + 10 {
        let number = 1 + job % (TAG_COUNT - 1);
        let carried = Context::tagged(tag(number)).carry(Parcel(number));
        // The last ones find nobody who listens.
        let _ = sender.send(carried);
    }
    worker.join().expect("it does not panic");
}

struct Parcel(usize);

impl Drop for Parcel {
    fn drop(&mut self) {
        drop(block(self.0));
    }
}

fn tasks() {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).build();
    let runtime = runtime.expect("there are threads");
    runtime.block_on(async {
        for job in 0..JOBS {
            let number = 1 + job % (TAG_COUNT - 1);
            let (task, blocking) = {
                let _scope = tag(number).enter();
                let task = scrubjay::tokio::spawn(async move {
                    drop(block(number));
                    tokio::task::yield_now().await;
                    block(number)
                });
                (task, scrubjay::tokio::spawn_blocking(move || block(number)))
            };
            drop((task.await.expect("it ends"), blocking.await.expect("it ends")));
            drop(block(0));
        }
    });
    let local = tokio::task::LocalSet::new();
    let current = runtime::Builder::new_current_thread().build().expect("there is memory");
    local.block_on(&current, async {
        let task = {
            let _scope = tag(7).enter();
            scrubjay::tokio::spawn_local(async { block(7) })
        };
        drop(task.await.expect("it ends"));
    });
}
