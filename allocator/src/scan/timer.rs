//! Scans at intervals: a thread of the library's own.

use std::io::{self, Write};
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{ScanError, scan_within};
use crate::context::Context;
use crate::limits::{SCAN_INTERVAL_MIN_NS, SCAN_PAUSE_MAX_NS};
use crate::{leak_check, own};

/// Scans at intervals while it lives: see [`scan_every`].
#[derive(Debug)]
#[must_use = "scans are made while it lives"]
pub struct ScanTimer {
    turn: Arc<Turn>,
    thread: Option<JoinHandle<()>>,
    /// A forked child has its parent's timer, and not its thread.
    process: u32,
}

/// What the thread and whoever has its timer tell each other.
#[derive(Debug, Default)]
struct Turn {
    told: Mutex<Told>,
    is_over: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct Told {
    is_over: bool,
    count: u64,
    failure: Option<ScanError>,
}

/// Scans at intervals from now on, as [`crate::scan`] does, until the answer is
/// dropped: what was found goes into the log, which keeps the last four scans, and by
/// three of them `scrubjay leaks` tells what grows.
///
/// The first scan begins after one interval, each other one an interval after the
/// end of the one before. So of all time the threads stand still at most for a pause
/// in each interval and a pause. Less than 10 ms count as 10. There is no setting of
/// the environment for it: the allocator begins within the program's first
/// allocation, where no thread can be started.
///
/// ```
/// use std::time::Duration;
/// # use scrubjay::{Config, Scrubjay};
///
/// # #[global_allocator]
/// # static ALLOCATOR: Scrubjay = Scrubjay::with(Config::new().live_blocks(true).stacks(true));
/// let timer = scrubjay::scan_every(Duration::from_secs(600))?;
/// // … the program serves …
/// drop(timer);
/// # Ok::<(), scrubjay::ScanError>(())
/// ```
///
/// # Errors
/// Where there is no registry, or no thread can be started.
pub fn scan_every(interval: Duration) -> Result<ScanTimer, ScanError> {
    scan_every_within(interval, Duration::from_nanos(SCAN_PAUSE_MAX_NS))
}

/// As [`scan_every`], each scan as [`crate::scan_within`] this pause. A scan that
/// would take longer is none; that is said on standard error, once in a row, and by
/// [`ScanTimer::failure`].
///
/// # Errors
/// As for [`scan_every`].
pub fn scan_every_within(interval: Duration, pause: Duration) -> Result<ScanTimer, ScanError> {
    leak_check::ready()?;
    let interval = interval.max(Duration::from_nanos(SCAN_INTERVAL_MIN_NS));
    // It outlives the work of whoever happens to start it.
    let _adopted = Context::nobodys().adopt();
    own::account(|| {
        let turn = Arc::new(Turn::default());
        let its = Arc::clone(&turn);
        let thread = thread::Builder::new().name("scrubjay-scan".to_owned());
        let started = thread.spawn(move || own::account(|| its.scan(interval, pause)));
        let thread = Some(started.map_err(|_| ScanError::NoThread)?);
        Ok(ScanTimer { turn, thread, process: process::id() })
    })
}

impl ScanTimer {
    /// How many scans there were.
    pub fn count(&self) -> u64 {
        self.turn.told().count
    }

    /// Why the last one was none, if so.
    pub fn failure(&self) -> Option<ScanError> {
        self.turn.told().failure
    }
}

impl Drop for ScanTimer {
    /// Ends the thread: at once, or behind the scan that it is at.
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if process::id() != self.process {
            return std::mem::forget(thread);
        }
        self.turn.told().is_over = true;
        self.turn.is_over.notify_all();
        // Nothing in it panics.
        drop(thread.join());
    }
}

impl Turn {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the thread does.
    fn scan(&self, interval: Duration, pause: Duration) {
        while self.wait(interval) {
            let failure = scan_within(pause).err();
            let mut told = self.told();
            let before = told.failure;
            told.failure = failure;
            told.count += u64::from(failure.is_none());
            drop(told);
            if let Some(failure) = failure.filter(|_| failure != before) {
                // Nobody is there to tell where that fails.
                let _ = writeln!(io::stderr(), "scrubjay: no scan: {failure}");
            }
        }
    }

    /// Waits for so long; whether to go on.
    fn wait(&self, interval: Duration) -> bool {
        let begin = Instant::now();
        let mut told = self.told();
        loop {
            let left = interval.saturating_sub(begin.elapsed());
            if told.is_over || left.is_zero() {
                return !told.is_over;
            }
            let waited = self.is_over.wait_timeout(told, left);
            (told, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}
