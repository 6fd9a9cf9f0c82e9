//! Threads of the library's own, which end with whoever asked for them.

use std::io;
use std::mem;
use std::process;
use std::thread::{self, JoinHandle};

use crate::own;

/// Our end of what a thread waits at.
pub(super) trait End {
    /// Has the thread return.
    fn end(self);
}

/// A thread that runs while this lives.
#[derive(Debug)]
pub(super) struct Background<E: End> {
    end: Option<E>,
    thread: Option<JoinHandle<()>>,
    /// A forked child has its parent's handle, and not its thread.
    process: u32,
}

impl<E: End> Background<E> {
    /// Starts it; what it allocates is scrubjay's, and nobody's work.
    pub(super) fn start(
        name: &str,
        end: E,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        // It outlives the work of whoever happens to start it.
        #[cfg(feature = "leak-check")]
        let _adopted = crate::context::Context::nobodys().adopt();
        own::account(|| {
            let builder = thread::Builder::new().name(name.to_owned());
            let thread = builder.spawn(move || own::account(work))?;
            Ok(Self { end: Some(end), thread: Some(thread), process: process::id() })
        })
    }
}

impl<E: End> Drop for Background<E> {
    /// Ends the thread: at once, or behind what it is at.
    fn drop(&mut self) {
        let (Some(end), Some(thread)) = (self.end.take(), self.thread.take()) else { return };
        if process::id() != self.process {
            // The thread that is meant is the parent's.
            return mem::forget((end, thread));
        }
        end.end();
        // If others' code panicked in it, that has been said.
        drop(thread.join());
    }
}
