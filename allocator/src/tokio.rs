//! Tokio's ways to hand work on, with the context: what they start works for the
//! calling thread's tag and owner.
//!
//! For what is not here, such as a `JoinSet`, hand on a future that
//! [`Context::follow`] made, or a closure of [`Context::wrap`].

use core::future::Future;

use ::tokio::task::{self, JoinHandle};

use crate::context::Context;

/// As [`tokio::spawn`](::tokio::spawn).
///
/// # Panics
/// Outside of a runtime.
///
/// ```
/// # use scrubjay::Tag;
/// # static REQUEST: Tag = Tag::new("request");
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let task = {
///     let _scope = REQUEST.enter();
///     scrubjay::tokio::spawn(async { vec![0_u8; 1_000] })
/// };
/// let answer = task.await?;
/// # drop(answer);
/// # Ok(())
/// # })
/// # }
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    task::spawn(Context::current().follow(future))
}

/// As [`tokio::task::spawn_local`](::tokio::task::spawn_local).
///
/// # Panics
/// Outside of a `LocalSet`.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    task::spawn_local(Context::current().follow(future))
}

/// As [`tokio::task::spawn_blocking`](::tokio::task::spawn_blocking).
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn spawn_blocking<F, T>(work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    task::spawn_blocking(Context::current().wrap(work))
}
