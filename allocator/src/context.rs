//! Contexts: the time in which what threads allocate is somebody's, with a bill
//! of their own. Work that is handed on takes its context along.

use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{self, Poll};

use crate::{owner, thread};

/// Whose the memory is that a piece of work allocates: a leak check's, or
/// nobody's. A thread inherits that of the thread that started it; work that
/// reaches a thread in another way is handed on by [`Context::adopt`], a future
/// by [`Context::follow`].
///
/// Contexts are beside tags: neither changes the other. A block stays its
/// context's, whoever frees it.
///
/// ```
/// use scrubjay::Context;
///
/// let context = Context::current();
/// rayon::spawn(move || {
///     let _adopted = context.adopt();
///     // … allocates for whoever spawned it …
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// 0 for nobody's.
    owner: u32,
}

/// While it lives, its thread works for a context. Leave in the reverse order,
/// as `let` does by itself.
#[must_use = "the context is the thread's only while this lives"]
#[derive(Debug)]
pub struct Adopted {
    before: u32,
    /// It is about its thread: it must not be sent to another.
    here: PhantomData<*const ()>,
}

/// A future that takes a context along: see [`Context::follow`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Following<F> {
    context: Context,
    future: F,
}

impl Context {
    /// That of the calling thread.
    #[inline]
    pub fn current() -> Self {
        Self { owner: current_owner() }
    }

    /// Nobody's: for what outlives whoever is first to need it, such as the
    /// threads of a pool that all share.
    pub const fn nobodys() -> Self {
        Self { owner: 0 }
    }

    pub(crate) const fn of(owner: u32) -> Self {
        Self { owner }
    }

    /// Has the calling thread work for this context until the answer is dropped.
    /// One that has ended is nobody's. Costs about 2 ns.
    #[inline]
    pub fn adopt(self) -> Adopted {
        Adopted { before: set_owner(self.owner), here: PhantomData }
    }

    /// Has a future work for this context whenever it is polled, on whichever
    /// thread that happens.
    pub const fn follow<F: Future>(self, future: F) -> Following<F> {
        Following { context: self, future }
    }

    /// Whether it still is somebody's.
    pub fn is_live(self) -> bool {
        owner::get(self.owner).is_some()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner {
            0 => formatter.write_str("Context(nobody's)"),
            owner => write!(formatter, "Context({owner})"),
        }
    }
}

impl Drop for Adopted {
    #[inline]
    fn drop(&mut self) {
        set_owner(self.before);
    }
}

impl<F: Future> Future for Following<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, waker: &mut task::Context<'_>) -> Poll<F::Output> {
        let _adopted = self.context.adopt();
        // SAFETY: the future is pinned as the whole is, which has neither a
        // destructor nor another way to it.
        let future = unsafe { self.map_unchecked_mut(|following| &mut following.future) };
        future.poll(waker)
    }
}

fn current_owner() -> u32 {
    thread::here(|here| here.owner()).unwrap_or(0)
}

/// Has the calling thread's blocks be another owner's; answers whose they were.
pub(crate) fn set_owner(owner: u32) -> u32 {
    thread::here(|here| here.set_owner(owner)).unwrap_or(0)
}
