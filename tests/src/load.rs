//! Work that goes on in the background while something is tried.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};

use crate::churn::Churn;

/// Threads that allocate, reallocate and free until they are told to stop;
/// then nothing of theirs lives.
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts so many threads; each has had events when this returns.
    pub fn start(threads: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Arc::new(Barrier::new(threads as usize + 1));
        let work = |number: u64| {
            let (stop, begun) = (Arc::clone(&stop), Arc::clone(&begun));
            move || {
                let mut seed = number << 40;
                drop(std::hint::black_box(vec![0_u8; 1]));
                begun.wait();
                while !stop.load(Ordering::Relaxed) {
                    Churn { seed, threads: 1, steps: 100, refused_one_in: 0, largest: 64 << 10 }
                        .run();
                    seed += 1;
                }
            }
        };
        let threads = (0..threads).map(|number| thread::spawn(work(number))).collect();
        begun.wait();
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
