//! Profiles: what functions take, call by call.

use core::fmt;
use core::future::Future;
use core::sync::atomic::{AtomicU64, Ordering};
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use crate::context::Context;
use crate::lease::{Lease, Pending};
use crate::{context, own, owner};

/// Functions that were called, in the order of their first calls.
static CALLED: Mutex<Vec<&'static Profiled>> = Mutex::new(Vec::new());

/// What `#[scrubjay::profile]` puts into a function: its figures.
#[doc(hidden)]
#[derive(Debug)]
pub struct Profiled {
    name: &'static str,
    file: &'static str,
    line: u32,
    call_count: AtomicU64,
    nested_count: AtomicU64,
    uncounted_count: AtomicU64,
    allocated_bytes: AtomicU64,
    allocated_blocks: AtomicU64,
    increment_bytes: AtomicU64,
    peak_bytes: AtomicU64,
}

/// A call under way: nothing but its end matters.
#[doc(hidden)]
#[derive(Debug)]
pub struct Call {
    profiled: &'static Profiled,
    /// `None` for a call within a call.
    lease: Option<Lease>,
}

/// The same of an async function.
#[derive(Debug)]
struct AsyncCall {
    profiled: &'static Profiled,
    pending: Option<Pending>,
}

/// What one function took since the program began: see [`profiles`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// The function's path.
    pub name: &'static str,
    /// The file it stands in.
    pub file: &'static str,
    /// The line of its attribute.
    pub line: u32,
    /// Calls that are over, those within others included.
    pub call_count: u64,
    /// Calls within a call of the same function: what they took is the outermost's.
    pub nested_count: u64,
    /// Calls of which nothing is known but that they were: see
    /// [`Lease::is_counted`].
    pub uncounted_count: u64,
    /// Bytes allocated by the function and what it called.
    pub allocated_bytes: u64,
    /// Blocks allocated.
    pub allocated_blocks: u64,
    /// Bytes of these that were live when the calls ended, summed up; what it returns
    /// is among them.
    pub increment_bytes: u64,
    /// The greatest live of these during any one call.
    pub peak_bytes: u64,
}

/// All profiles, greatest increment first. Shown as a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profiles(pub Vec<Profile>);

/// What each function with the attribute [`macro@crate::profile`] took that was called
/// since the program began; of calls that are over. Greatest increment first, then
/// greatest peak.
///
/// ```
/// # use scrubjay::Scrubjay;
/// # #[global_allocator]
/// # static ALLOCATOR: Scrubjay = Scrubjay::new();
/// #[scrubjay::profile]
/// fn load(rows: usize) -> Vec<u64> {
///     let text = "1 ".repeat(rows);
///     let mut numbers = Vec::with_capacity(rows);
///     numbers.extend(text.split_whitespace().map(|number| number.parse::<u64>().unwrap()));
///     numbers
/// }
///
/// let numbers = load(1_000);
/// let profiles = scrubjay::profiles();
/// let load = profiles.get("load").unwrap();
/// assert_eq!((load.call_count, load.increment_bytes, load.peak_bytes), (1, 8_000, 10_000));
/// println!("{profiles}");
/// # drop(numbers);
/// ```
pub fn profiles() -> Profiles {
    apart(|| {
        let called = CALLED.lock().unwrap_or_else(PoisonError::into_inner);
        let mut profiles: Vec<Profile> = called.iter().map(|called| called.profile()).collect();
        profiles.sort_by_key(|profile| {
            let Profile { increment_bytes, peak_bytes, name, .. } = *profile;
            (core::cmp::Reverse((increment_bytes, peak_bytes)), name)
        });
        Profiles(profiles)
    })
}

/// Runs what is no function's: its blocks are nobody's.
fn apart<T>(then: impl FnOnce() -> T) -> T {
    let _nobody = Context::nobodys().adopt();
    then()
}

impl Profiles {
    /// A function's, by its path or the end of it.
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.0.iter().find(|profile| {
            let before = profile.name.strip_suffix(name);
            before.is_some_and(|before| before.is_empty() || before.ends_with("::"))
        })
    }
}

impl Profiled {
    #[doc(hidden)]
    pub const fn new(name: &'static str, file: &'static str, line: u32) -> Self {
        Self {
            name,
            file,
            line,
            call_count: AtomicU64::new(0),
            nested_count: AtomicU64::new(0),
            uncounted_count: AtomicU64::new(0),
            allocated_bytes: AtomicU64::new(0),
            allocated_blocks: AtomicU64::new(0),
            increment_bytes: AtomicU64::new(0),
            peak_bytes: AtomicU64::new(0),
        }
    }

    /// A call begins, on this thread; it ends when the answer is dropped.
    #[doc(hidden)]
    pub fn call(&'static self) -> Call {
        let lease =
            (!self.is_nested()).then(|| Lease::labelled(Cow::Borrowed(self.name), self.label()));
        Call { profiled: self, lease }
    }

    /// Runs an async function's body.
    #[doc(hidden)]
    pub async fn run<F: Future>(&'static self, body: F) -> F::Output {
        let pending = (!self.is_nested())
            .then(|| Pending::new(Cow::Borrowed(self.name), false, self.label()));
        let call = AsyncCall { profiled: self, pending };
        match &call.pending {
            Some(pending) => pending.context().follow(body).await,
            None => body.await,
        }
    }

    fn label(&'static self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    fn is_nested(&'static self) -> bool {
        owner::is_labelled(context::current_owner(), self.label())
    }

    fn end(&'static self, totals: Option<Option<owner::Totals>>) {
        if self.call_count.fetch_add(1, Ordering::Relaxed) == 0 {
            apart(|| {
                own::account(|| {
                    CALLED.lock().unwrap_or_else(PoisonError::into_inner).push(self);
                });
            });
        }
        match totals {
            None => {
                self.nested_count.fetch_add(1, Ordering::Relaxed);
            }
            Some(None) => {
                self.uncounted_count.fetch_add(1, Ordering::Relaxed);
            }
            Some(Some(totals)) => {
                self.allocated_bytes.fetch_add(totals.allocated_bytes, Ordering::Relaxed);
                self.allocated_blocks.fetch_add(totals.allocated_blocks, Ordering::Relaxed);
                self.increment_bytes.fetch_add(totals.live_bytes, Ordering::Relaxed);
                self.peak_bytes.fetch_max(totals.peak_bytes, Ordering::Relaxed);
            }
        }
    }

    fn profile(&'static self) -> Profile {
        let now = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        Profile {
            name: self.name,
            file: self.file,
            line: self.line,
            call_count: now(&self.call_count),
            nested_count: now(&self.nested_count),
            uncounted_count: now(&self.uncounted_count),
            allocated_bytes: now(&self.allocated_bytes),
            allocated_blocks: now(&self.allocated_blocks),
            increment_bytes: now(&self.increment_bytes),
            peak_bytes: now(&self.peak_bytes),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let totals = (self.lease.as_ref()).map(|lease| lease.is_counted().then(|| lease.totals()));
        self.profiled.end(totals);
    }
}

impl Drop for AsyncCall {
    fn drop(&mut self) {
        let pending = self.pending.as_ref();
        let totals = pending.map(|pending| pending.is_counted().then(|| pending.totals()));
        self.profiled.end(totals);
    }
}

impl fmt::Display for Profiles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.0.iter().map(|profile| profile.name.chars().count());
        let width = widths.max().unwrap_or(0).max(8);
        writeln!(
            out,
            "{:width$} {:>9} {:>15} {:>15} {:>10} {:>13}  line",
            "function", "calls", "increment bytes", "allocated bytes", "blocks", "peak bytes"
        )?;
        for profile in &self.0 {
            writeln!(
                out,
                "{:width$} {:>9} {:>15} {:>15} {:>10} {:>13}  {}:{}",
                profile.name,
                profile.call_count,
                profile.increment_bytes,
                profile.allocated_bytes,
                profile.allocated_blocks,
                profile.peak_bytes,
                profile.file,
                profile.line,
            )?;
        }
        let uncounted: u64 = self.0.iter().map(|profile| profile.uncounted_count).sum();
        match uncounted {
            0 => Ok(()),
            count => writeln!(out, "{count} calls were not counted"),
        }
    }
}
