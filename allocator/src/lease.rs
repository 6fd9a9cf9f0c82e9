//! Leases: a piece of work has a bill of its own.

use core::future::Future;
use core::marker::PhantomData;
use std::borrow::Cow;
use std::time::Instant;

use crate::bill::Bill;
use crate::config::Config;
use crate::context::{Context, current_owner, set_owner};
use crate::owner;
use crate::process;
use crate::thread::{self, Slot};

/// A piece of work (a request, a batch, the load of a model) that has a bill of its
/// own: what it allocated in all, its peak, what is still live of it and what was
/// wiped, by tag, whichever threads free its blocks.
///
/// While it lives, its thread works for it; leave in the reverse order, as `let` does
/// by itself. Other threads and futures do so by its [`Lease::context`]. Work that a
/// future does and that waits belongs to a [`Pending`]: see [`Lease::pending`].
///
/// A lease within another one, or within a leak check, counts for both: what is live
/// of it when it ends goes on to count for the outer one. Without an outer one, blocks
/// that outlive their lease count for nobody from its end on, and are still live in
/// its last bill; for a bill that goes on while they move, say into a cache, use
/// [`Lease::finish`].
///
/// ```
/// use scrubjay::{Lease, Scrubjay, Tag};
///
/// #[global_allocator]
/// static ALLOCATOR: Scrubjay = Scrubjay::new();
///
/// static PROMPT: Tag = Tag::new("prompt");
///
/// let lease = Lease::begin("request");
/// let answer = {
///     let _scope = PROMPT.enter();
///     let prompt = vec![b'?'; 1_000];
///     prompt[..10].to_vec()
/// };
/// let bill = lease.end();
/// assert_eq!((bill.allocated_bytes, bill.peak_bytes, bill.live_bytes), (1_010, 1_010, 10));
/// assert_eq!(bill.tag("prompt").unwrap().wiped_bytes, 1_000);
/// # drop(answer);
/// ```
///
/// # Cost
///
/// It allocates nothing; a bill does, once or twice. In units of a pair of `alloc` and
/// `free` of 64 bytes without it: begun and ended 5.4, with a bill 14, a pair under it
/// 2.5, in a lease within a lease 3.4, and by its context on another thread 2.8
/// (`cargo bench -p scrubjay-benches --bench operations -- lease`, where the pair took
/// 106 ns on two busy virtual cores). There can be 4,096 at one time, and 64 one within
/// the other: those beyond are not counted ([`Lease::is_counted`],
/// [`crate::Report::lease_overflow_count`]), and their thread goes on working for whom
/// it did.
#[must_use = "the work is the lease's only while this lives"]
#[derive(Debug)]
pub struct Lease {
    // In this order: nobody works for it any more when it ends.
    entered: Entered,
    pending: Pending,
}

/// A lease that no thread works for by itself: work of futures, or what goes on after
/// [`Lease::finish`]. Its place is free when it is dropped.
#[must_use = "the bill ends when this is dropped"]
#[derive(Debug)]
pub struct Pending {
    name: Cow<'static, str>,
    /// 0 where it has no place.
    owner: u32,
    /// Whom the thread worked for that began it.
    above: u32,
    start: Instant,
}

/// The calling thread works for an owner while this lives.
#[derive(Debug)]
struct Entered {
    before: u32,
    is_other: bool,
    /// It is about its thread: it must not be sent to another.
    here: PhantomData<*const ()>,
}

impl Entered {
    fn new(owner: u32) -> Self {
        Self { before: set_owner(owner), is_other: true, here: PhantomData }
    }

    /// Leaves all as it is.
    fn nothing() -> Self {
        Self { before: 0, is_other: false, here: PhantomData }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if self.is_other {
            set_owner(self.before);
        }
    }
}

/// The number of the calling thread, 0 where it has none; `None` where its blocks
/// are not counted.
fn counted_thread() -> Option<u32> {
    let number = || thread::here(|here| here.slot.get().map(Slot::thread_number)).flatten();
    number().or_else(|| {
        process::begin_now(&Config::new())?;
        // A thread whose blocks are counted has a place for them.
        drop(core::hint::black_box(Box::new(0_u64)));
        number()
    })
}

impl Lease {
    /// Has the calling thread work for a new lease.
    pub fn begin(name: impl Into<Cow<'static, str>>) -> Self {
        Self::labelled(name.into(), 0)
    }

    /// The same, of work that is known again by its label.
    pub(crate) fn labelled(name: Cow<'static, str>, label: usize) -> Self {
        let pending = Pending::new(name, true, label);
        let entered = match pending.owner {
            0 => Entered::nothing(),
            owner => Entered::new(owner),
        };
        Self { entered, pending }
    }

    /// A new lease that no thread works for by itself, for futures and for work that
    /// is handed to other threads. It stands within the lease that the calling thread
    /// works for.
    ///
    /// ```
    /// # use scrubjay::{Lease, Scrubjay};
    /// # #[global_allocator]
    /// # static ALLOCATOR: Scrubjay = Scrubjay::new();
    /// # async fn answer() -> String { "42".repeat(50) }
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let (answer, bill) = Lease::pending("request").run(answer()).await;
    /// assert_eq!(bill.live_bytes, answer.capacity() as u64);
    /// # });
    /// ```
    pub fn pending(name: impl Into<Cow<'static, str>>) -> Pending {
        Pending::new(name.into(), false, 0)
    }

    /// By this other threads and futures work for the lease, until it ends.
    pub fn context(&self) -> Context {
        self.pending.context()
    }

    /// What it comes to now. What the bill itself takes is nobody's.
    pub fn bill(&self) -> Bill {
        self.pending.bill()
    }

    /// Ends the lease, and says what it came to.
    pub fn end(self) -> Bill {
        let Self { entered, pending } = self;
        drop(entered);
        pending.end()
    }

    /// Has the thread work for whom it did before, while the bill goes on: blocks
    /// that are freed later, by whichever thread, are freed in it.
    pub fn finish(self) -> Pending {
        let Self { entered, pending } = self;
        drop(entered);
        if let Some(owner) = owner::get(pending.owner) {
            // From now on others may end it.
            owner.disown();
        }
        pending
    }

    /// Whether anything is counted for it: not where scrubjay is not the global
    /// allocator, and not beyond the limits.
    pub fn is_counted(&self) -> bool {
        self.pending.is_counted()
    }

    #[cfg(feature = "profile")]
    pub(crate) fn totals(&self) -> owner::Totals {
        self.pending.totals()
    }
}

impl Pending {
    pub(crate) fn new(name: Cow<'static, str>, is_own_thread: bool, label: usize) -> Self {
        let above = current_owner();
        let owner = counted_thread()
            .and_then(|thread| owner::begin(if is_own_thread { thread } else { 0 }, above, label));
        Self { name, owner: owner.unwrap_or(0), above, start: Instant::now() }
    }

    /// By this threads and futures work for it.
    pub fn context(&self) -> Context {
        Context::of(if self.is_counted() { self.owner } else { self.above })
    }

    /// What it comes to now.
    pub fn bill(&self) -> Bill {
        let _nobody = Entered::new(0);
        let account = owner::get(self.owner).map(owner::Owner::account);
        Bill::new(self.name.clone(), self.start.elapsed(), account)
    }

    /// Ends it, and says what it came to.
    pub fn end(self) -> Bill {
        self.bill()
    }

    /// Has a future work for it whenever it is polled; answers its output, and what
    /// that took. A future that is dropped before it is done ends the lease.
    pub async fn run<F: Future>(self, future: F) -> (F::Output, Bill) {
        let output = self.context().follow(future).await;
        (output, self.end())
    }

    /// As [`Lease::is_counted`].
    pub fn is_counted(&self) -> bool {
        self.owner != 0
    }

    #[cfg(feature = "profile")]
    pub(crate) fn totals(&self) -> owner::Totals {
        owner::get(self.owner).map(|owner| owner.account().totals()).unwrap_or_default()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        owner::end(self.owner);
    }
}
