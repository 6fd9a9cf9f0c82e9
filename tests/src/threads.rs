//! Many threads, of which a few live at a time, and threads that are gone when
//! their scope ends.

use std::cell::RefCell;
use std::hint::black_box;
use std::thread::{self, ScopedJoinHandle};

use scrubjay::Tag;

/// As [`thread::scope`], but over only once its threads are gone. That of std
/// waits for their work alone: what a thread frees at its end then runs into
/// whatever comes next, be it the end of the process.
pub fn scope<'env, T>(body: impl for<'scope> FnOnce(&Scope<'scope, 'env>) -> T) -> T {
    thread::scope(|inner| {
        let scope = Scope { inner, threads: RefCell::default() };
        let answer = body(&scope);
        for thread in scope.threads.into_inner() {
            thread.join().expect("the work does not panic");
        }
        answer
    })
}

/// Where threads are started that are gone at the end of [`scope`].
pub struct Scope<'scope, 'env> {
    inner: &'scope thread::Scope<'scope, 'env>,
    threads: RefCell<Vec<ScopedJoinHandle<'scope, ()>>>,
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a thread.
    pub fn spawn(&self, work: impl FnOnce() + Send + 'scope) {
        self.threads.borrow_mut().push(self.inner.spawn(work));
    }
}

/// Runs `work` on `count` threads, `at_once` of them at a time, each with its
/// number; answers once the last is really gone, its destructors included.
pub fn run(count: usize, at_once: usize, work: impl Fn(usize) + Sync) {
    let work = &work;
    let mut next = 0;
    while next < count {
        let end = count.min(next + at_once);
        scope(|scope| (next..end).for_each(|number| scope.spawn(move || work(number))));
        next = end;
    }
}

/// Has `count` threads allocate and free so many small blocks each, under a tag.
pub fn pairs(tag: &'static Tag, count: usize, each: usize) {
    scope(|scope| {
        let work = || {
            let _scope = tag.enter();
            (0..each).for_each(|_| drop(black_box(Box::new(7_u64))));
        };
        (0..count).for_each(|_| scope.spawn(work));
    });
}
