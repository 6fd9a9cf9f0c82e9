//! Owners: whoever wants a bill of their own for a time. Each has a number that
//! no other ever has, and counters that its blocks' events add to at once.
//!
//! A block's owner stands in its record (see [`crate::live`]). What is left of
//! an owner that has ended counts for nobody.

use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use crate::limits::OWNERS_MAX;
use crate::live;

/// An owner's counters. Exact at any moment: nothing is held back by threads.
pub(crate) struct Owner {
    /// 0 where the place is free.
    number: AtomicU32,
    /// The number of the thread that works for it by itself, not handed on to.
    thread: AtomicU32,
    /// How many owners have had the place.
    generation: AtomicU32,
    allocated_bytes: AtomicU64,
    allocated_blocks: AtomicU64,
    live_bytes: AtomicI64,
    live_blocks: AtomicI64,
    peak_bytes: AtomicI64,
}

/// What an owner's blocks come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bill {
    pub(crate) allocated_bytes: u64,
    pub(crate) allocated_blocks: u64,
    pub(crate) live_bytes: u64,
    pub(crate) live_blocks: u64,
    pub(crate) peak_bytes: u64,
}

impl Bill {
    /// What came since an earlier bill; live is what there is more.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            allocated_bytes: self.allocated_bytes - before.allocated_bytes,
            allocated_blocks: self.allocated_blocks - before.allocated_blocks,
            live_bytes: self.live_bytes.saturating_sub(before.live_bytes),
            live_blocks: self.live_blocks.saturating_sub(before.live_blocks),
            peak_bytes: self.peak_bytes.saturating_sub(before.live_bytes),
        }
    }

    /// The lesser of each figure.
    pub(crate) fn min(&self, other: &Self) -> Self {
        Self {
            allocated_bytes: self.allocated_bytes.min(other.allocated_bytes),
            allocated_blocks: self.allocated_blocks.min(other.allocated_blocks),
            live_bytes: self.live_bytes.min(other.live_bytes),
            live_blocks: self.live_blocks.min(other.live_blocks),
            peak_bytes: self.peak_bytes.min(other.peak_bytes),
        }
    }
}

/// The owner with number `n` stands at `n % OWNERS_MAX`.
static OWNERS: [Owner; OWNERS_MAX] = [const { Owner::free() }; OWNERS_MAX];

/// Marks a place that is being taken.
const CLAIMED: u32 = u32::MAX;

impl Owner {
    const fn free() -> Self {
        Self {
            number: AtomicU32::new(0),
            thread: AtomicU32::new(0),
            generation: AtomicU32::new(0),
            allocated_bytes: AtomicU64::new(0),
            allocated_blocks: AtomicU64::new(0),
            live_bytes: AtomicI64::new(0),
            live_blocks: AtomicI64::new(0),
            peak_bytes: AtomicI64::new(0),
        }
    }

    /// A block was allocated.
    pub(crate) fn add(&self, size: usize) {
        self.allocated_bytes.fetch_add(size as u64, Ordering::Relaxed);
        self.allocated_blocks.fetch_add(1, Ordering::Relaxed);
        self.live_blocks.fetch_add(1, Ordering::Relaxed);
        let live = self.live_bytes.fetch_add(size as i64, Ordering::Relaxed) + size as i64;
        if live > self.peak_bytes.load(Ordering::Relaxed) {
            self.peak_bytes.fetch_max(live, Ordering::Relaxed);
        }
    }

    /// A block is about to be released.
    pub(crate) fn remove(&self, size: usize) {
        self.live_blocks.fetch_sub(1, Ordering::Relaxed);
        self.live_bytes.fetch_sub(size as i64, Ordering::Relaxed);
    }

    /// Whether that thread works for it by itself: what it allocates is nobody
    /// else's.
    pub(crate) fn is_own_thread(&self, thread: u32) -> bool {
        thread != 0 && self.thread.load(Ordering::Relaxed) == thread
    }

    /// What its blocks come to now.
    pub(crate) fn bill(&self) -> Bill {
        let not_negative = |word: &AtomicI64| word.load(Ordering::Relaxed).max(0) as u64;
        Bill {
            allocated_bytes: self.allocated_bytes.load(Ordering::Relaxed),
            allocated_blocks: self.allocated_blocks.load(Ordering::Relaxed),
            live_bytes: not_negative(&self.live_bytes),
            live_blocks: not_negative(&self.live_blocks),
            peak_bytes: not_negative(&self.peak_bytes),
        }
    }

    /// Begins all figures anew. For an owner without blocks.
    pub(crate) fn clear(&self) {
        self.allocated_bytes.store(0, Ordering::Relaxed);
        self.allocated_blocks.store(0, Ordering::Relaxed);
        self.live_bytes.store(0, Ordering::Relaxed);
        self.live_blocks.store(0, Ordering::Relaxed);
        self.peak_bytes.store(0, Ordering::Relaxed);
    }

    /// Begins the peak anew, at what is live now.
    pub(crate) fn reset_peak(&self) {
        self.peak_bytes.store(self.live_bytes.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Begins an owner for whom that thread works; `None` where there are too many
/// at one time, or there is no memory for its blocks' records.
pub(crate) fn begin(thread: u32) -> Option<u32> {
    if !live::prepare() {
        return None;
    }
    let free = OWNERS.iter().position(|owner| {
        let claim = owner.number.compare_exchange(0, CLAIMED, Ordering::Acquire, Ordering::Relaxed);
        claim.is_ok()
    })?;
    let owner = &OWNERS[free];
    owner.clear();
    owner.thread.store(thread, Ordering::Relaxed);
    // After 2^22 owners of one place, each of a test at least, numbers come back.
    let generations = u32::MAX / OWNERS_MAX as u32;
    let generation = owner.generation.fetch_add(1, Ordering::Relaxed) % (generations - 1) + 1;
    let number = generation * OWNERS_MAX as u32 + free as u32;
    owner.number.store(number, Ordering::Release);
    Some(number)
}

/// Ends an owner. Its blocks, and threads that still work for it, are nobody's.
pub(crate) fn end(number: u32) {
    if let Some(owner) = get(number) {
        owner.number.store(0, Ordering::Release);
    }
}

/// The owner of a number; `None` for one that has ended, and for 0.
#[inline]
pub(crate) fn get(number: u32) -> Option<&'static Owner> {
    let owner = &OWNERS[number as usize % OWNERS_MAX];
    (number != 0 && owner.number.load(Ordering::Acquire) == number).then_some(owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_had_once() {
        let mut numbers: Vec<u32> = (0..3 * OWNERS_MAX)
            .map(|_| {
                let number = begin(1).unwrap();
                get(number).unwrap().add(100);
                end(number);
                assert!(get(number).is_none());
                number
            })
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 3 * OWNERS_MAX);
    }

    #[test]
    fn a_bill_adds_up() {
        let number = begin(1).unwrap();
        let owner = get(number).unwrap();
        for size in [100, 50] {
            owner.add(size);
        }
        owner.remove(100);
        owner.add(20);
        let bill = Bill {
            allocated_bytes: 170,
            allocated_blocks: 3,
            live_bytes: 70,
            live_blocks: 2,
            peak_bytes: 150,
        };
        assert_eq!(owner.bill(), bill);
        owner.reset_peak();
        assert_eq!(owner.bill().peak_bytes, 70);
        end(number);
    }
}
