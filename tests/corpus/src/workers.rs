//! Threads that take jobs from one queue and stay: what the pools of the cases
//! are made of.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use crate::statics::locked;

type Job = Box<dyn FnOnce() + Send>;

/// Some threads that take jobs from one queue.
///
/// Locks and conditions alone: a channel would allocate for a thread when that
/// first has to wait, in whichever round that is.
pub(crate) struct Workers {
    queue: Arc<Queue>,
}

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    jobs: VecDeque<Job>,
    /// Queued or being done.
    open: usize,
}

impl Workers {
    /// So many threads, for good.
    pub(crate) fn start(count: usize) -> Self {
        let state = State { jobs: VecDeque::with_capacity(64), open: 0 };
        let queue = Arc::new(Queue { state: Mutex::new(state), changed: Condvar::new() });
        for _ in 0..count {
            let queue = queue.clone();
            thread::Builder::new()
                .stack_size(128 << 10)
                .spawn(move || queue.work())
                .expect("a thread can be started");
        }
        Self { queue }
    }

    /// Queues a job.
    pub(crate) fn add(&self, job: impl FnOnce() + Send + 'static) {
        let job = Box::new(job);
        let mut state = locked(&self.queue.state);
        state.jobs.push_back(job);
        state.open += 1;
        self.queue.changed.notify_all();
    }

    /// Waits until all jobs are done.
    pub(crate) fn wait(&self) {
        let mut state = locked(&self.queue.state);
        while state.open > 0 {
            state = self.queue.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Queue {
    fn work(&self) {
        let mut state = locked(&self.state);
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                job();
                state = locked(&self.state);
                state.open -= 1;
                self.changed.notify_all();
            } else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}
