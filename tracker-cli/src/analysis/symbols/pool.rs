//! Looks addresses up by as many threads as there are processors. What is
//! parsed of a file cannot be shared, so a thread has its own; the bytes are
//! read once.

use std::sync::Mutex;
use std::thread;

use super::dwarf::{Debug, Files, Resolved};
use super::find::{Finder, Sources};

/// A module with more addresses than this is divided among the threads, since
/// each of them parses what its addresses need.
const ADDRESS_COUNT_MIN: usize = 1_000;
/// More threads only wait for the same memory.
const THREAD_COUNT_MAX: usize = 16;

/// What is to be found out of one module.
#[derive(Debug)]
pub struct Job {
    /// Where its symbols are.
    pub sources: Sources,
    /// Addresses in its file, sorted.
    pub addresses: Vec<u64>,
}

/// Does all jobs; what came of each, in their order.
pub fn run(jobs: &[Job], finder: &Finder<'_>) -> Vec<Result<Resolved, String>> {
    let threads = thread::available_parallelism().map_or(1, |count| count.get());
    let threads = threads.min(THREAD_COUNT_MAX);
    let is_large = |job: &Job| threads > 1 && job.addresses.len() >= ADDRESS_COUNT_MIN;
    let mut done: Vec<Option<Result<Resolved, String>>> = jobs.iter().map(|_| None).collect();
    // One after another, so that one large file is in memory at a time.
    for (job, place) in jobs.iter().zip(&mut done).filter(|(job, _)| is_large(job)) {
        *place = Some(divided(job, threads, finder));
    }
    let small = jobs.iter().zip(&mut done).filter(|(job, _)| !is_large(job));
    let queue = Mutex::new(small.collect::<Vec<_>>().into_iter());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((job, place)) = queue.lock().ok().and_then(|mut jobs| jobs.next()) {
                    *place = Some(whole(job, finder));
                }
            });
        }
    });
    let upset = || Err("its debug information cannot be read".to_owned());
    done.into_iter().map(|result| result.unwrap_or_else(upset)).collect()
}

fn whole(job: &Job, finder: &Finder<'_>) -> Result<Resolved, String> {
    let files = Files::read(&job.sources)?;
    Ok(Debug::of(&files)?.resolve(&job.addresses, finder))
}

fn divided(job: &Job, threads: usize, finder: &Finder<'_>) -> Result<Resolved, String> {
    let files = Files::read(&job.sources)?;
    let debug = Debug::of(&files)?;
    let part = job.addresses.len().div_ceil(threads);
    thread::scope(|scope| {
        let parts: Vec<_> = job
            .addresses
            .chunks(part)
            .map(|addresses| scope.spawn(|| debug.resolve(addresses, finder)))
            .collect();
        let mut all = Resolved::default();
        for (part, addresses) in parts.into_iter().zip(job.addresses.chunks(part)) {
            match part.join() {
                Ok(resolved) => all.merge(resolved),
                Err(_) => all.given_up += addresses.len() as u64,
            }
        }
        Ok(all)
    })
}
