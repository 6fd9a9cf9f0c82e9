//! Jobs on all processors, their results in order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does a job an item. A panic in one is the caller's.
pub fn map<T: Sync, R: Send>(items: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    by(1, items, job)
}

/// The same of jobs that mostly wait.
pub fn map_waiting<T: Sync, R: Send>(items: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    by(3, items, job)
}

/// With so many at a time on a processor.
fn by<T: Sync, R: Send>(each: usize, items: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for _ in 0..each * thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(index) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&index| index < items.len())
                {
                    let result = job(&items[index]);
                    *results[index].lock().expect("nobody panics here") = Some(result);
                }
            });
        }
    });
    let result = |result: Mutex<Option<R>>| result.into_inner().expect("nobody panics here");
    results.into_iter().map(|slot| result(slot).expect("every job is done")).collect()
}
