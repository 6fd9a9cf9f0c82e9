//! Futures that take a context along.

use core::future::Future;
use core::mem::ManuallyDrop;
use core::pin::Pin;
use core::task::{self, Poll};

use crate::context::Context;
use crate::tag::Tag;

/// A future that takes a context along: see [`Context::follow`] and [`Tagged`].
///
/// It works for its context also while it is dropped, so that the destructors of
/// a future that was cancelled run as its code did.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Following<F> {
    context: Context,
    /// Dropped by `drop` alone.
    future: ManuallyDrop<F>,
}

impl Context {
    /// Has a future work for this context whenever it is polled, on whichever
    /// thread that happens, and when it is dropped.
    pub const fn follow<F: Future>(self, future: F) -> Following<F> {
        Following { context: self, future: ManuallyDrop::new(future) }
    }
}

/// Futures under a tag.
///
/// ```
/// use scrubjay::{Tag, Tagged};
///
/// static INFERENCE: Tag = Tag::new("inference");
///
/// async fn infer() -> Vec<f32> {
///     vec![0.5; 1_000]
/// }
///
/// # fn main() {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let logits = infer().tagged(&INFERENCE).await;
/// # drop(logits);
/// # });
/// # }
/// ```
pub trait Tagged: Future + Sized {
    /// Has the future allocate under a tag whenever it is polled, on whichever
    /// thread that happens, and when it is dropped. What it awaits takes part in
    /// that; what it spawns does not, unless it is handed on.
    fn tagged(self, tag: &'static Tag) -> Following<Self> {
        Context::tagged(tag).follow(self)
    }
}

impl<F: Future> Tagged for F {}

impl<F: Future> Future for Following<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, waker: &mut task::Context<'_>) -> Poll<F::Output> {
        let _adopted = self.context.adopt();
        // SAFETY: the future is pinned as the whole is, whose destructor leaves it
        // in its place, and to which there is no other way.
        let future = unsafe { self.map_unchecked_mut(|following| &mut *following.future) };
        future.poll(waker)
    }
}

impl<F> Drop for Following<F> {
    #[inline]
    fn drop(&mut self) {
        let _adopted = self.context.adopt();
        // SAFETY: nothing else drops it, and nobody sees it afterwards.
        unsafe { ManuallyDrop::drop(&mut self.future) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Seen<'a>(&'a core::cell::Cell<Option<Context>>);

    impl Drop for Seen<'_> {
        fn drop(&mut self) {
            self.0.set(Some(Context::current()));
        }
    }

    /// What destroys a cancelled future runs under its tag.
    #[test]
    fn a_future_is_dropped_under_its_tag() {
        static TAG: Tag = Tag::new("following/dropped");
        let seen = core::cell::Cell::new(None);
        let held = Seen(&seen);
        let future = async move {
            let _held = held;
            core::future::pending::<()>().await;
        };
        let mut following = Box::pin(future.tagged(&TAG));
        let mut waker = task::Context::from_waker(task::Waker::noop());
        assert!(following.as_mut().poll(&mut waker).is_pending());
        let outside = Context::current();
        drop(following);
        assert_eq!(seen.get(), Some(outside.with_tag(&TAG)));
        assert_eq!(Context::current(), outside);
    }
}
