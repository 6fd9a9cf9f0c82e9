//! Free records: each thread slot's own, and batches that they share.
//!
//! A slot keeps up to two batches, as Bonwick's magazines do (USENIX 2001): a
//! thread that only allocates, or only releases, goes to the shared list once a
//! batch. That is a stack whose head carries a count against ABA (Treiber 1986).

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{Record, record};
use crate::limits::{LIVE_BATCH, LIVE_MAX};

/// A slot's free records. Starts as all zeros; for its own thread alone.
pub(crate) struct Free {
    /// The batch that is taken from and given to, and how many it has.
    first: AtomicU32,
    count: AtomicU32,
    /// A whole batch, or 0.
    spare: AtomicU32,
}

impl Free {
    #[cfg(test)]
    pub(super) const fn new() -> Self {
        Self { first: AtomicU32::new(0), count: AtomicU32::new(0), spare: AtomicU32::new(0) }
    }
}

/// The first record of the topmost batch, and above it how often that changed.
static SHARED: AtomicU64 = AtomicU64::new(0);
/// Where records begin that were never used.
static END: AtomicU32 = AtomicU32::new(0);

/// The number behind the last record that was ever used.
pub(super) fn end() -> u32 {
    END.load(Ordering::Acquire)
}

/// Takes a free record. Without a list of its own a caller shares.
pub(super) fn take(free: Option<&Free>) -> Option<u32> {
    let Some(free) = free else {
        let batch = take_batch()?;
        let rest = next(batch)?.load(Ordering::Relaxed);
        if rest != 0 {
            give_batch(rest);
        }
        return Some(batch);
    };
    let mut first = free.first.load(Ordering::Relaxed);
    let mut count = free.count.load(Ordering::Relaxed);
    if first == 0 {
        first = match free.spare.swap(0, Ordering::Relaxed) {
            0 => take_batch()?,
            spare => spare,
        };
        count = LIVE_BATCH;
    }
    free.first.store(next(first)?.load(Ordering::Relaxed), Ordering::Relaxed);
    free.count.store(count.saturating_sub(1), Ordering::Relaxed);
    Some(first)
}

/// Gives a record back.
pub(super) fn give(free: Option<&Free>, number: u32) {
    let Some(link) = next(number) else { return };
    let Some(free) = free else {
        link.store(0, Ordering::Relaxed);
        give_batch(number);
        return;
    };
    let mut first = free.first.load(Ordering::Relaxed);
    let mut count = free.count.load(Ordering::Relaxed);
    if count >= LIVE_BATCH {
        let spare = free.spare.swap(first, Ordering::Relaxed);
        if spare != 0 {
            give_batch(spare);
        }
        (first, count) = (0, 0);
    }
    link.store(first, Ordering::Relaxed);
    free.first.store(number, Ordering::Relaxed);
    free.count.store(count + 1, Ordering::Relaxed);
}

fn next(number: u32) -> Option<&'static AtomicU32> {
    record(number).map(|record| &record.next)
}

/// A shared batch, or one of records that were never used.
#[cold]
fn take_batch() -> Option<u32> {
    let below = |head: u64| {
        let batch = record(head as u32)?;
        Some(head_of(head, batch.size.load(Ordering::Relaxed) as u32))
    };
    match SHARED.fetch_update(Ordering::Acquire, Ordering::Acquire, below) {
        Ok(head) => Some(head as u32),
        Err(_) => new_batch(),
    }
}

/// A batch's first record holds the batch below it where a block's size stands.
#[cold]
fn give_batch(number: u32) {
    let Some(batch) = record(number) else { return };
    let put = |head: u64| {
        batch.size.store(u64::from(head as u32), Ordering::Relaxed);
        Some(head_of(head, number))
    };
    // It never refuses.
    let _ = SHARED.fetch_update(Ordering::Release, Ordering::Relaxed, put);
}

fn head_of(before: u64, number: u32) -> u64 {
    ((before >> 32) + 1) << 32 | u64::from(number)
}

fn new_batch() -> Option<u32> {
    let more =
        |end: u32| (end.max(1) + LIVE_BATCH <= LIVE_MAX as u32).then(|| end.max(1) + LIVE_BATCH);
    let first = END.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).ok()?.max(1);
    for number in first..first + LIVE_BATCH {
        let link: &Record = record(number)?;
        let is_last = number + 1 == first + LIVE_BATCH;
        link.next.store(if is_last { 0 } else { number + 1 }, Ordering::Relaxed);
    }
    Some(first)
}
