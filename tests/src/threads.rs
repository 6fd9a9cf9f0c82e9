//! Many threads, of which a few live at a time.

use std::thread;

/// Runs `work` on `count` threads, `at_once` of them at a time, each with its
/// number; answers once the last is really gone, its destructors included.
pub fn run(count: usize, at_once: usize, work: impl Fn(usize) + Sync) {
    let work = &work;
    let mut next = 0;
    while next < count {
        let end = count.min(next + at_once);
        thread::scope(|scope| {
            let threads: Vec<_> =
                (next..end).map(|number| scope.spawn(move || work(number))).collect();
            // A scope's own end waits for the work alone; a join for the thread.
            for thread in threads {
                thread.join().expect("the work does not panic");
            }
        });
        next = end;
    }
}
