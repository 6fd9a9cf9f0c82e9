//! Work that is handed on by other ways than futures: items of channels, jobs of
//! pools, threads.

use core::fmt;
use std::io;
use std::thread::{Builder, JoinHandle};

use crate::context::{Adopted, Context};

/// An item of a channel or a queue that takes a context along: see
/// [`Context::carry`].
#[must_use = "who receives it opens it"]
pub struct Carried<T> {
    context: Context,
    /// `None` once it was opened.
    item: Option<T>,
}

impl Context {
    /// Has an item take this context along, through a channel or a queue. What is
    /// never opened is dropped for its context, too.
    ///
    /// ```
    /// use scrubjay::{Carried, Context, Tag};
    /// use std::sync::mpsc;
    ///
    /// static REQUEST: Tag = Tag::new("request");
    ///
    /// let (sender, receiver) = mpsc::channel::<Carried<String>>();
    /// let worker = std::thread::spawn(move || {
    ///     for carried in receiver {
    ///         let (_adopted, prompt) = carried.open();
    ///         let _tokens: Vec<&str> = prompt.split(' ').collect();
    ///     }
    /// });
    /// sender.send(Context::tagged(&REQUEST).carry(String::from("a b c"))).unwrap();
    /// # drop(sender);
    /// # worker.join().unwrap();
    /// ```
    pub const fn carry<T>(self, item: T) -> Carried<T> {
        Carried { context: self, item: Some(item) }
    }

    /// Has a closure work for this context, wherever it is called: for jobs of
    /// pools and for scoped threads. Take the context before the pool is entered: what
    /// `ThreadPool::install` and `rayon::scope` are given runs on a thread of the
    /// pool, under that one's.
    ///
    /// ```
    /// use scrubjay::Context;
    ///
    /// let context = Context::current();
    /// let (left, right) = rayon::join(
    ///     context.wrap(|| vec![0_u8; 100]),
    ///     context.wrap(|| vec![0_u8; 200]),
    /// );
    /// # drop((left, right));
    /// ```
    pub fn wrap<T>(self, work: impl FnOnce() -> T) -> impl FnOnce() -> T {
        move || {
            let _adopted = self.adopt();
            work()
        }
    }

    /// The same for a closure that is called for each of many items, on whichever
    /// threads.
    ///
    /// ```
    /// use rayon::prelude::*;
    /// use scrubjay::Context;
    ///
    /// let rows = ["1 2", "3 4"];
    /// let parse = |row: &&str| row.split(' ').map(String::from).collect::<Vec<_>>();
    /// let parsed: Vec<_> = rows.par_iter().map(Context::current().wrap_each(parse)).collect();
    /// # assert_eq!(parsed[1], ["3", "4"]);
    /// ```
    pub fn wrap_each<A, T>(self, work: impl Fn(A) -> T) -> impl Fn(A) -> T {
        move |item| {
            let _adopted = self.adopt();
            work(item)
        }
    }

    /// Has each thread of a pool work for this context, unless something else is
    /// said there: for rayon's `ThreadPoolBuilder::start_handler`, and for others
    /// that call back as a thread begins.
    ///
    /// A job that another thread gave to the pool does not take that one's context
    /// along by this: for that there is [`Context::wrap`].
    ///
    /// ```
    /// use scrubjay::{Context, Tag};
    ///
    /// static BATCH: Tag = Tag::new("batch");
    ///
    /// # fn main() -> Result<(), rayon::ThreadPoolBuildError> {
    /// let batch = Context::nobodys().with_tag(&BATCH);
    /// let pool = rayon::ThreadPoolBuilder::new().start_handler(batch.start_handler()).build()?;
    /// let rows = pool.install(|| vec![0_u8; 100]);
    /// # drop(rows);
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_handler(self) -> impl Fn(usize) + Send + Sync + Copy + 'static {
        move |_| {
            self.put();
        }
    }
}

impl<T> Carried<T> {
    /// The item, and before it its context: the calling thread works for that until
    /// the first of the two is dropped. Taken apart by one `let`, the item goes
    /// before it, so that its destructor runs for its context, too.
    pub fn open(mut self) -> (Adopted, T) {
        let adopted = self.context.adopt();
        match self.item.take() {
            Some(item) => (adopted, item),
            // Only this takes the item, and only once, since it takes the whole.
            None => unreachable!(),
        }
    }

    /// The context that it takes along.
    pub const fn context(&self) -> Context {
        self.context
    }
}

impl<T> Drop for Carried<T> {
    fn drop(&mut self) {
        if let Some(item) = self.item.take() {
            let _adopted = self.context.adopt();
            drop(item);
        }
    }
}

impl<T> fmt::Debug for Carried<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its content is whose it is.
        formatter.debug_struct("Carried").field("context", &self.context).finish_non_exhaustive()
    }
}

/// As [`std::thread::spawn`], for the context of the calling thread: its tag, and
/// its owner.
///
/// # Panics
/// Where the system gives no thread.
///
/// ```
/// # use scrubjay::Tag;
/// # static INDEX: Tag = Tag::new("index");
/// let _scope = INDEX.enter();
/// let worker = scrubjay::spawn(|| vec![0_u8; 1_000]);
/// # worker.join().unwrap();
/// ```
pub fn spawn<F, T>(work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    std::thread::spawn(Context::current().wrap(work))
}

/// The same by a [`Builder`], which gives the thread a name or a size of its
/// stack.
///
/// # Errors
/// Where the system gives no thread.
pub fn spawn_by<F, T>(builder: Builder, work: F) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    builder.spawn(Context::current().wrap(work))
}
