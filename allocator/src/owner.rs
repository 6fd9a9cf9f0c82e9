//! Owners: whoever wants a bill of their own for a time. Each has a number that
//! no other ever has, and counters that its blocks' events add to at once.
//!
//! A block's owner stands in its record (see [`crate::live`]). What is left of
//! an owner that has ended counts for nobody.

use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use crate::limits::OWNERS_MAX;
use crate::live;
use crate::writer::{Own, Shared, Writer};

/// An owner's counters. Exact at any moment: nothing is held back by threads.
pub(crate) struct Owner {
    /// 0 where the place is free.
    number: AtomicU32,
    /// The number of the thread that works for it by itself, not handed on to.
    thread: AtomicU32,
    /// How many owners have had the place.
    generation: AtomicU32,
    peak_bytes: AtomicI64,
    /// What that thread did, in a line that it alone writes, and what others did.
    own: Counters,
    shared: Counters,
}

#[repr(align(64))]
struct Counters {
    allocated_bytes: AtomicU64,
    allocated_blocks: AtomicU64,
    freed_bytes: AtomicU64,
    freed_blocks: AtomicU64,
}

impl Counters {
    const fn new() -> Self {
        Self {
            allocated_bytes: AtomicU64::new(0),
            allocated_blocks: AtomicU64::new(0),
            freed_bytes: AtomicU64::new(0),
            freed_blocks: AtomicU64::new(0),
        }
    }

    #[inline(always)]
    fn add<W: Writer>(&self, size: usize) {
        W::add(&self.allocated_bytes, size as u64);
        W::add(&self.allocated_blocks, 1);
    }

    #[inline(always)]
    fn remove<W: Writer>(&self, size: usize) {
        W::add(&self.freed_bytes, size as u64);
        W::add(&self.freed_blocks, 1);
    }

    /// What is live of it. Negative where it freed what others allocated. What
    /// came is read first: too little at most.
    #[inline(always)]
    fn live_bytes(&self) -> i64 {
        let allocated = self.allocated_bytes.load(Ordering::Relaxed);
        allocated.wrapping_sub(self.freed_bytes.load(Ordering::Relaxed)) as i64
    }

    fn live_blocks(&self) -> i64 {
        let allocated = self.allocated_blocks.load(Ordering::Relaxed);
        allocated.wrapping_sub(self.freed_blocks.load(Ordering::Relaxed)) as i64
    }

    fn clear(&self) {
        self.allocated_bytes.store(0, Ordering::Relaxed);
        self.allocated_blocks.store(0, Ordering::Relaxed);
        self.freed_bytes.store(0, Ordering::Relaxed);
        self.freed_blocks.store(0, Ordering::Relaxed);
    }
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
            peak_bytes: AtomicI64::new(0),
            own: Counters::new(),
            shared: Counters::new(),
        }
    }

    /// A block was allocated, by the calling thread, which has that number.
    #[inline]
    pub(crate) fn add(&self, thread: u32, size: usize) {
        if self.is_own_thread(thread) {
            self.own.add::<Own>(size);
        } else {
            self.shared.add::<Shared>(size);
        }
        let live = self.live_bytes();
        if live > self.peak_bytes.load(Ordering::Relaxed) {
            self.peak_bytes.fetch_max(live, Ordering::Relaxed);
        }
    }

    /// A block is about to be released, by the calling thread.
    #[inline]
    pub(crate) fn remove(&self, thread: u32, size: usize) {
        if self.is_own_thread(thread) {
            self.own.remove::<Own>(size);
        } else {
            self.shared.remove::<Shared>(size);
        }
    }

    #[inline(always)]
    fn live_bytes(&self) -> i64 {
        self.shared.live_bytes() + self.own.live_bytes()
    }

    /// Whether that thread works for it by itself: what it allocates is nobody
    /// else's.
    #[inline(always)]
    pub(crate) fn is_own_thread(&self, thread: u32) -> bool {
        thread != 0 && self.thread.load(Ordering::Relaxed) == thread
    }

    /// What its blocks come to now.
    pub(crate) fn bill(&self) -> Bill {
        let Self { own, shared, .. } = self;
        let sum = |one: &AtomicU64, other: &AtomicU64| {
            one.load(Ordering::Relaxed) + other.load(Ordering::Relaxed)
        };
        let not_negative = |figure: i64| figure.max(0) as u64;
        Bill {
            allocated_bytes: sum(&own.allocated_bytes, &shared.allocated_bytes),
            allocated_blocks: sum(&own.allocated_blocks, &shared.allocated_blocks),
            live_bytes: not_negative(self.live_bytes()),
            live_blocks: not_negative(own.live_blocks() + shared.live_blocks()),
            peak_bytes: not_negative(self.peak_bytes.load(Ordering::Relaxed)),
        }
    }

    /// Begins all figures anew. For an owner without blocks, by its own thread.
    pub(crate) fn clear(&self) {
        self.own.clear();
        self.shared.clear();
        self.peak_bytes.store(0, Ordering::Relaxed);
    }

    /// Begins the peak anew, at what is live now.
    pub(crate) fn reset_peak(&self) {
        self.peak_bytes.store(self.live_bytes(), Ordering::Relaxed);
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
                get(number).unwrap().add(1, 100);
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
        // Its own thread's, and another's.
        owner.add(1, 100);
        owner.add(2, 50);
        owner.remove(2, 100);
        owner.add(1, 20);
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
