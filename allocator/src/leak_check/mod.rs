//! Leak checks: does a piece of work give back what it took?
//!
//! A check runs the work in a context of its own, so that checks in parallel
//! tests do not see each other's blocks. Three signals make the verdict, since
//! none alone is enough: what the work leaves behind beyond its first round,
//! what nothing in the process reaches any more, and what grows with every
//! further round.

mod apart;
mod bounded;
mod cycle;
mod descriptors;
mod error;
mod functions;
mod growth;
mod guard;
mod held_by;
mod holders;
pub(crate) mod look;
mod modules;
mod orphans;
mod outcome;
mod paths;
mod plain;
mod report;
mod rings;
mod running;
mod shown;
mod statics;
mod suppressed;
mod survey;
pub(crate) mod symbols;

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;

use crate::config::Config;
use crate::control::{self, LIVE};
use crate::{clock, process, thread};

pub use bounded::assert_bounded;
pub use cycle::{Cycle, Member};
pub use descriptors::{Descriptor, DescriptorKind};
pub use error::LeakCheckError;
pub use guard::LeakGuard;
pub use held_by::HeldBy;
pub use orphans::orphans;
pub use outcome::Outcome;
pub use report::{Exceeded, Leak, LeakKind, LeakReport, Limit, Signals};
pub use symbols::Frame;

pub(crate) use error::NotReady;

use running::Running;

/// A check of a piece of work. Everything that it takes has to be given back
/// in the end, unless told otherwise; what a static holds on to without
/// growing, such as a value that is made at first use, is no leak.
///
/// It needs the registry of all live blocks, from the start of the process:
///
/// ```
/// use scrubjay::{Config, LeakCheck, Scrubjay};
///
/// #[global_allocator]
/// static ALLOCATOR: Scrubjay = Scrubjay::with(Config::new().live_blocks(true).stacks(true));
///
/// LeakCheck::new().assert(|| {
///     let words: Vec<String> = "no word is left".split(' ').map(String::from).collect();
///     assert_eq!(words.len(), 4);
/// });
///
/// let report = LeakCheck::new().run(|| std::mem::forget(Box::new(7_u64)))?;
/// assert_eq!((report.leaked_bytes(), report.leaked_blocks()), (8, 1));
/// # Ok::<(), scrubjay::LeakCheckError>(())
/// ```
///
/// With [`crate::Config::stacks`] a report names functions and lines; without,
/// tags alone.
#[derive(Clone, Debug)]
#[must_use = "a check does nothing before it runs"]
pub struct LeakCheck {
    name: Option<String>,
    limits: Limits,
    allowed: Vec<Allowed>,
    suppressions: Vec<PathBuf>,
    settle: Duration,
    rounds_max: u32,
    dump: Option<PathBuf>,
    descriptors: bool,
}

/// What a check lets pass.
#[derive(Clone, Copy, Debug)]
struct Limits {
    leaked_bytes: u64,
    leaked_blocks: u64,
    peak_bytes: Option<u64>,
    allocated_bytes: Option<u64>,
    allocated_blocks: Option<u64>,
}

/// Leaks that are known, and why they are let pass.
#[derive(Clone, Debug)]
struct Allowed {
    what: Pattern,
    reason: String,
}

#[derive(Clone, Debug)]
enum Pattern {
    /// Part of the path of a function in the stack.
    Site(String),
    /// What holds the block.
    HeldBy(HeldBy),
    /// Part of the path of the static that holds the block.
    Static(String),
}

impl LeakCheck {
    /// A check that nothing is leaked.
    pub fn new() -> Self {
        let limits = Limits {
            leaked_bytes: 0,
            leaked_blocks: 0,
            peak_bytes: None,
            allocated_bytes: None,
            allocated_blocks: None,
        };
        let settle = Duration::from_secs(1);
        Self {
            name: None,
            limits,
            allowed: Vec::new(),
            suppressions: Vec::new(),
            settle,
            rounds_max: 32,
            dump: None,
            descriptors: descriptors::are_of_one_test(),
        }
    }

    /// What reports call it; the path of the function that the work stands in
    /// unless told otherwise.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many bytes may be leaked; 0 unless told otherwise.
    pub fn leaked_bytes(mut self, bytes: u64) -> Self {
        self.limits.leaked_bytes = bytes;
        self
    }

    /// How many blocks may be leaked; 0 unless told otherwise.
    pub fn leaked_blocks(mut self, blocks: u64) -> Self {
        self.limits.leaked_blocks = blocks;
        self
    }

    /// How many bytes may be live at one time, in one round.
    pub fn peak_bytes(mut self, bytes: u64) -> Self {
        self.limits.peak_bytes = Some(bytes);
        self
    }

    /// How many bytes may be allocated in all, in one round. A realloc allocates
    /// its new size.
    pub fn allocated_bytes(mut self, bytes: u64) -> Self {
        self.limits.allocated_bytes = Some(bytes);
        self
    }

    /// How many allocations there may be, in one round. A realloc is one more.
    pub fn allocated_blocks(mut self, blocks: u64) -> Self {
        self.limits.allocated_blocks = Some(blocks);
        self
    }

    /// Lets leaks pass in whose stack a function has this in its path, for a
    /// reason. A report says what was let pass, and which of these did not
    /// match anything.
    pub fn allow_site(mut self, path: impl Into<String>, reason: impl Into<String>) -> Self {
        let what = Pattern::Site(path.into());
        self.allowed.push(Allowed { what, reason: reason.into() });
        self
    }

    /// Lets leaks pass that this holds, for a reason.
    pub fn allow_held_by(mut self, holder: HeldBy, reason: impl Into<String>) -> Self {
        let what = Pattern::HeldBy(holder);
        self.allowed.push(Allowed { what, reason: reason.into() });
        self
    }

    /// Lets leaks pass that a static holds which has this in its path, for a reason:
    /// one that is meant to grow, such as a table of names that are never forgotten.
    pub fn allow_held_by_static(
        mut self,
        path: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        let what = Pattern::Static(path.into());
        self.allowed.push(Allowed { what, reason: reason.into() });
        self
    }

    /// Lets leaks pass that a file of suppressions names, as it does for `scrubjay
    /// leaks --suppressions`; a path that is not whole begins at the working
    /// directory, which is the package's in a test. May be called more than once.
    /// What an entry is about is what the check calls a leak; a report says which
    /// entry let it pass, and which ones are about nothing that is left.
    ///
    /// The file that `SCRUBJAY_SUPPRESSIONS` names is for all checks of a process,
    /// and for its orphans. It comes behind those of the check, and its entries that
    /// nothing was about are listed once, at the end of the process; not under
    /// nextest, where a process has one test.
    pub fn suppressions(mut self, path: impl Into<PathBuf>) -> Self {
        self.suppressions.push(path.into());
        self
    }

    /// How long blocks that other threads are about to release get for it before
    /// they are called leaked; a second unless told otherwise. Costs time only
    /// where there is something to wait for.
    pub fn settle(mut self, time: Duration) -> Self {
        self.settle = time;
        self
    }

    /// How often the work may run while something grows: 32 rounds unless told
    /// otherwise. With 1 it runs once, and what is still held is not judged.
    pub fn rounds(mut self, count: u32) -> Self {
        self.rounds_max = count.max(1);
        self
    }

    /// Whether descriptors that are left open are leaks, too. They are the whole
    /// process's, so only a test that has one to itself can ask; under nextest each
    /// has, and it is so unless told otherwise. What is opened at first use and
    /// stays is none.
    pub fn descriptors(mut self, checked: bool) -> Self {
        self.descriptors = checked;
        self
    }

    /// Where a log is written if the check fails, as [`crate::dump`] does: for the
    /// command line, which tells of all that was live then.
    pub fn dump(mut self, path: impl Into<PathBuf>) -> Self {
        self.dump = Some(path.into());
        self
    }

    /// Runs the work: once, if nothing is left of it, or if what is left can
    /// already be judged; else as often as it takes to see what grows.
    ///
    /// # Errors
    /// Where no check could be made; the work did not run then.
    pub fn run<F: FnMut()>(self, mut work: F) -> Result<LeakReport, LeakCheckError> {
        let path = paths::of_type(core::any::type_name::<F>());
        let mut running = Running::begin(self, path)?;
        while running.wants_round() {
            running.round(&mut work);
        }
        Ok(running.judge())
    }

    /// Runs work that can run only once. Without further rounds what something
    /// still holds is reported as kept, and is no leak.
    ///
    /// # Errors
    /// Where no check could be made; the work did not run then.
    pub fn run_once<T, F: FnOnce() -> T>(self, work: F) -> Result<(T, LeakReport), LeakCheckError> {
        let path = paths::of_type(core::any::type_name::<F>());
        let mut running = Running::begin(self.rounds(1), path)?;
        let done = running.round(work);
        Ok((done, running.judge()))
    }

    /// As [`LeakCheck::run`], for tests.
    ///
    /// # Panics
    /// With the report where something is leaked or a limit is exceeded, and
    /// where no check could be made.
    #[track_caller]
    pub fn assert<F: FnMut()>(self, work: F) {
        match self.run(work) {
            Ok(report) => report.assert(),
            Err(error) => fail(&error),
        }
    }

    /// As [`LeakCheck::run_once`], for tests.
    ///
    /// # Panics
    /// As for [`LeakCheck::assert`].
    #[track_caller]
    pub fn assert_once<T, F: FnOnce() -> T>(self, work: F) -> T {
        match self.run_once(work) {
            Ok((done, report)) => {
                report.assert();
                done
            }
            Err(error) => fail(&error),
        }
    }

    /// As [`LeakCheck::assert`], for what may fail as a test does: a failure is
    /// answered, and nothing is judged then. What the attribute
    /// [`crate::leak_check`] calls.
    ///
    /// # Panics
    /// As for [`LeakCheck::assert`].
    #[track_caller]
    pub fn test<O: Outcome, F: FnMut() -> O>(self, mut work: F) -> O {
        let path = paths::of_type(core::any::type_name::<F>());
        let mut running = self.begun(path);
        let mut failed = None;
        while failed.is_none() && running.wants_round() {
            let outcome = running.round(&mut work);
            if outcome.is_failure() {
                failed = Some(outcome);
            }
        }
        failed.unwrap_or_else(|| running.asserted())
    }

    /// As [`LeakCheck::test`], for what can run only once.
    ///
    /// # Panics
    /// As for [`LeakCheck::assert`].
    #[track_caller]
    pub fn test_once<O: Outcome, F: FnOnce() -> O>(self, work: F) -> O {
        let path = paths::of_type(core::any::type_name::<F>());
        let mut running = self.rounds(1).begun(path);
        let outcome = running.round(work);
        if outcome.is_failure() { outcome } else { running.asserted() }
    }

    /// As [`LeakCheck::test`], for asynchronous work: each poll of it works for
    /// the check, on whichever thread it happens. Tasks that it spawns are handed
    /// on by [`crate::Context::follow`].
    ///
    /// # Panics
    /// As for [`LeakCheck::assert`].
    pub async fn test_async<O: Outcome, F: AsyncFnMut() -> O>(self, mut work: F) -> O {
        let path = paths::of_type(core::any::type_name::<F>());
        let mut running = self.begun(path);
        let mut failed = None;
        while failed.is_none() && running.wants_round() {
            let outcome = running.round_async(work()).await;
            if outcome.is_failure() {
                failed = Some(outcome);
            }
        }
        failed.unwrap_or_else(|| running.asserted())
    }

    /// As [`LeakCheck::test_async`], for what can run only once.
    ///
    /// # Panics
    /// As for [`LeakCheck::assert`].
    pub async fn test_async_once<O: Outcome, F: AsyncFnOnce() -> O>(self, work: F) -> O {
        let path = paths::of_type(core::any::type_name::<F>());
        let mut running = self.rounds(1).begun(path);
        let outcome = running.round_async(work()).await;
        if outcome.is_failure() { outcome } else { running.asserted() }
    }

    #[track_caller]
    fn begun(self, path: &str) -> Running {
        Running::begin(self, path).unwrap_or_else(|error| fail(&error))
    }
}

impl Default for LeakCheck {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether blocks can be looked at.
pub(crate) fn ready() -> Result<(), NotReady> {
    process::begin_now(&Config::new()).ok_or(NotReady::NotTheAllocator)?;
    // A thread whose blocks are counted has a place for them.
    drop(core::hint::black_box(Box::new(0_u64)));
    if thread::here(|here| here.slot.get()).flatten().is_none() {
        return Err(NotReady::NotTheAllocator);
    }
    clock::begin();
    if control::mode() & LIVE == 0 {
        return Err(NotReady::NoRegistry);
    }
    Ok(())
}

#[track_caller]
#[expect(clippy::panic, reason = "what a failing test does")]
fn fail(why: &impl fmt::Display) -> ! {
    panic!("{why}")
}
