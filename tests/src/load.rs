//! Work that goes on in the background while something is tried.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::churn::Churn;

/// Threads that allocate, reallocate and free until they are told to stop;
/// then nothing of theirs lives.
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts so many threads.
    pub fn start(threads: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let work = |number: u64| {
            let stop = Arc::clone(&stop);
            move || {
                let mut seed = number << 40;
                while !stop.load(Ordering::Relaxed) {
                    Churn { seed, threads: 1, steps: 100, refused_one_in: 0 }.run();
                    seed += 1;
                }
            }
        };
        let threads = (0..threads).map(|number| thread::spawn(work(number))).collect();
        Self { stop, threads }
    }

    /// Has them stop and waits for their end.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("the load does not panic");
        }
    }
}
