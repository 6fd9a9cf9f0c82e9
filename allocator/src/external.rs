//! Memory that no allocator sees, in the ledger's live figures, peaks and budgets.

use core::fmt;

use crate::config::Config;
use crate::control::control;
use crate::store;
use crate::tag::{self, Tag};
use crate::thread::{self, Slot};
use crate::{budget, ledger, process};

/// Memory that the program has from elsewhere: buffers of a GPU, files that are
/// mapped, what a C++ runtime holds. While the handle lives its size counts in
/// its tag's and the process's peaks, and in their budgets; it stands beside the
/// heap's live figures as [`crate::TagStats::external_bytes`].
///
/// ```
/// use scrubjay::{External, Scrubjay, Tag};
///
/// #[global_allocator]
/// static ALLOCATOR: Scrubjay = Scrubjay::new();
///
/// static WEIGHTS: Tag = Tag::new("model/weights");
///
/// let mut on_gpu = External::new(&WEIGHTS, 512 << 20)?;
/// assert_eq!(scrubjay::Report::now().tag("model/weights").unwrap().external_bytes, 512 << 20);
/// on_gpu.resize(600 << 20)?;
/// drop(on_gpu); // when the buffer is gone
/// # Ok::<(), scrubjay::OverBudget>(())
/// ```
#[derive(Debug)]
#[must_use = "the memory counts only while the handle lives"]
pub struct External {
    tag: u32,
    size: usize,
    is_charged: bool,
}

/// There is no room in a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverBudget {
    tag: u32,
    size: usize,
}

impl fmt::Display for OverBudget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "no room in a budget of {}: ", tag::name_or_unknown(self.tag))?;
        write!(out, "{} bytes more were asked for", self.size)
    }
}

impl std::error::Error for OverBudget {}

impl External {
    /// Counts `size` bytes for a tag, before the program takes them.
    ///
    /// # Errors
    /// Where a budget has no room for them: take them not.
    pub fn new(tag: &'static Tag, size: usize) -> Result<Self, OverBudget> {
        process::begin_now(&Config::new());
        let tag = tag.index();
        let mut external = Self { tag, size: 0, is_charged: tag::policy(tag).is_budgeted() };
        external.resize(size)?;
        Ok(external)
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The memory has another size now.
    ///
    /// # Errors
    /// Where a budget has no room for what is more; nothing has changed then.
    pub fn resize(&mut self, size: usize) -> Result<(), OverBudget> {
        let more = size.saturating_sub(self.size);
        if more > 0 && self.is_charged {
            let over = OverBudget { tag: self.tag, size: more };
            let may = thread::here(|here| here.headroom.get() > 0).unwrap_or(false);
            budget::charge(self.tag, shard(), more, may).map_err(|_| over)?;
        }
        self.count(size as i64 - self.size as i64);
        let less = self.size.saturating_sub(size);
        if less > 0 && self.is_charged {
            budget::credit(self.tag, shard(), less);
        }
        self.size = size;
        Ok(())
    }

    fn count(&self, delta: i64) {
        // A late log copies what there is under this lock.
        let _guard = control().tags.wait();
        let Some(store) = store::current() else { return };
        ledger::count_external(store, self.tag, delta);
    }
}

impl Drop for External {
    fn drop(&mut self) {
        // Nothing is asked for.
        let _ = self.resize(0);
    }
}

fn shard() -> usize {
    let slot = thread::here(|here| here.slot.get().map_or(thread::ORPHANS, Slot::index));
    budget::shard_of(slot.unwrap_or(thread::ORPHANS))
}
