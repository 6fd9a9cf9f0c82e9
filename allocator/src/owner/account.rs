//! What an owner's blocks come to, by tag. Exact at any moment: nothing is held
//! back by threads.
//!
//! Each figure is there twice, in a line that the owner's own thread alone writes,
//! and in one that all others share. Totals are the sums over the tags.

use core::sync::atomic::{AtomicI64, AtomicU16, AtomicU64, Ordering};

use crate::limits::{OWNER_TAGS_MAX, TAGS_MAX};
use crate::writer::{Own, Shared, Writer};

const _: () = assert!(TAGS_MAX < u16::MAX as usize);

/// The place behind those of single tags is that of all others.
const OTHERS: usize = OWNER_TAGS_MAX;

/// What an owner's blocks come to, in all and by tag.
pub(crate) struct Account {
    own: Level,
    shared: Level,
    /// Allocations that were refused.
    refused_count: AtomicU64,
    tags: Tags,
    figures: [Figures; OWNER_TAGS_MAX + 1],
}

/// Tags by the places of their figures, each plus 1: open addressing by index.
#[repr(align(64))]
struct Tags([AtomicU16; OWNER_TAGS_MAX]);

/// What is live in all, as far as peaks need it.
#[repr(align(64))]
struct Level {
    live_bytes: AtomicI64,
    peak_bytes: AtomicI64,
}

/// One tag's.
struct Figures {
    own: Counters,
    shared: Counters,
}

#[repr(align(64))]
struct Counters {
    allocated_bytes: AtomicU64,
    allocated_blocks: AtomicU64,
    freed_bytes: AtomicU64,
    freed_blocks: AtomicU64,
    wiped_bytes: AtomicU64,
    returned_bytes: AtomicU64,
    unwiped_bytes: AtomicU64,
    /// Greatest live that its writers saw.
    peak_bytes: AtomicI64,
}

/// A block's coming, its going, or its change of size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// The new block's size.
    pub(crate) allocated: Option<usize>,
    /// The size that is given up.
    pub(crate) freed: Option<usize>,
    /// What became of its bytes; what is missing was kept in use.
    pub(crate) wiped: usize,
    pub(crate) returned: usize,
    pub(crate) unwiped: usize,
}

/// What blocks come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) allocated_bytes: u64,
    pub(crate) allocated_blocks: u64,
    pub(crate) freed_bytes: u64,
    pub(crate) freed_blocks: u64,
    pub(crate) live_bytes: u64,
    pub(crate) live_blocks: u64,
    pub(crate) peak_bytes: u64,
    pub(crate) wiped_bytes: u64,
    pub(crate) returned_bytes: u64,
    pub(crate) unwiped_bytes: u64,
}

impl Totals {
    /// What came since earlier ones; live is what there is more.
    #[cfg(feature = "leak-check")]
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            allocated_bytes: self.allocated_bytes - before.allocated_bytes,
            allocated_blocks: self.allocated_blocks - before.allocated_blocks,
            freed_bytes: self.freed_bytes - before.freed_bytes,
            freed_blocks: self.freed_blocks - before.freed_blocks,
            live_bytes: self.live_bytes.saturating_sub(before.live_bytes),
            live_blocks: self.live_blocks.saturating_sub(before.live_blocks),
            peak_bytes: self.peak_bytes.saturating_sub(before.live_bytes),
            wiped_bytes: self.wiped_bytes - before.wiped_bytes,
            returned_bytes: self.returned_bytes - before.returned_bytes,
            unwiped_bytes: self.unwiped_bytes - before.unwiped_bytes,
        }
    }

    /// The lesser of each figure.
    #[cfg(feature = "leak-check")]
    pub(crate) fn min(&self, other: &Self) -> Self {
        Self {
            allocated_bytes: self.allocated_bytes.min(other.allocated_bytes),
            allocated_blocks: self.allocated_blocks.min(other.allocated_blocks),
            freed_bytes: self.freed_bytes.min(other.freed_bytes),
            freed_blocks: self.freed_blocks.min(other.freed_blocks),
            live_bytes: self.live_bytes.min(other.live_bytes),
            live_blocks: self.live_blocks.min(other.live_blocks),
            peak_bytes: self.peak_bytes.min(other.peak_bytes),
            wiped_bytes: self.wiped_bytes.min(other.wiped_bytes),
            returned_bytes: self.returned_bytes.min(other.returned_bytes),
            unwiped_bytes: self.unwiped_bytes.min(other.unwiped_bytes),
        }
    }

    /// Adds another tag's. Peaks of tags do not add up.
    pub(crate) fn add(&mut self, other: &Self) {
        self.allocated_bytes += other.allocated_bytes;
        self.allocated_blocks += other.allocated_blocks;
        self.freed_bytes += other.freed_bytes;
        self.freed_blocks += other.freed_blocks;
        self.live_bytes += other.live_bytes;
        self.live_blocks += other.live_blocks;
        self.wiped_bytes += other.wiped_bytes;
        self.returned_bytes += other.returned_bytes;
        self.unwiped_bytes += other.unwiped_bytes;
    }
}

impl Level {
    #[cfg(test)]
    const fn new() -> Self {
        Self { live_bytes: AtomicI64::new(0), peak_bytes: AtomicI64::new(0) }
    }

    fn clear(&self) {
        self.live_bytes.store(0, Ordering::Relaxed);
        self.peak_bytes.store(0, Ordering::Relaxed);
    }
}

impl Counters {
    #[cfg(test)]
    const fn new() -> Self {
        Self {
            allocated_bytes: AtomicU64::new(0),
            allocated_blocks: AtomicU64::new(0),
            freed_bytes: AtomicU64::new(0),
            freed_blocks: AtomicU64::new(0),
            wiped_bytes: AtomicU64::new(0),
            returned_bytes: AtomicU64::new(0),
            unwiped_bytes: AtomicU64::new(0),
            peak_bytes: AtomicI64::new(0),
        }
    }

    fn words(&self) -> [&AtomicU64; 7] {
        [
            &self.allocated_bytes,
            &self.allocated_blocks,
            &self.freed_bytes,
            &self.freed_blocks,
            &self.wiped_bytes,
            &self.returned_bytes,
            &self.unwiped_bytes,
        ]
    }

    /// What came first: a reader, which reads it first, too, sees a block that
    /// changes its size never as none.
    #[inline(always)]
    fn count<W: Writer>(&self, event: Event) {
        if let Some(size) = event.allocated {
            W::add(&self.allocated_bytes, size as u64);
            W::add(&self.allocated_blocks, 1);
        }
        let Some(size) = event.freed else { return };
        W::add(&self.freed_bytes, size as u64);
        W::add(&self.freed_blocks, 1);
        for (word, size) in [
            (&self.wiped_bytes, event.wiped),
            (&self.returned_bytes, event.returned),
            (&self.unwiped_bytes, event.unwiped),
        ] {
            if size != 0 {
                W::add(word, size as u64);
            }
        }
    }

    /// What is live of it; negative where it freed what others allocated.
    #[inline(always)]
    fn live_bytes(&self) -> i64 {
        let allocated = self.allocated_bytes.load(Ordering::Relaxed);
        allocated.wrapping_sub(self.freed_bytes.load(Ordering::Relaxed)) as i64
    }

    fn clear(&self) {
        for word in self.words() {
            word.store(0, Ordering::Relaxed);
        }
        self.peak_bytes.store(0, Ordering::Relaxed);
    }
}

impl Figures {
    #[cfg(test)]
    const fn new() -> Self {
        Self { own: Counters::new(), shared: Counters::new() }
    }

    fn clear(&self) {
        self.own.clear();
        self.shared.clear();
    }

    #[inline(always)]
    fn live_bytes(&self) -> i64 {
        self.own.live_bytes() + self.shared.live_bytes()
    }

    fn totals(&self) -> Totals {
        let [own, shared] = [&self.own, &self.shared]
            .map(|one| one.words().map(|word| word.load(Ordering::Relaxed)));
        let sum = |index: usize| own[index].wrapping_add(shared[index]);
        let not_negative = |figure: u64| (figure as i64).max(0) as u64;
        let live_bytes = not_negative(sum(0).wrapping_sub(sum(2)));
        let [own_peak, shared_peak] =
            [&self.own, &self.shared].map(|one| one.peak_bytes.load(Ordering::Relaxed));
        Totals {
            allocated_bytes: sum(0),
            allocated_blocks: sum(1),
            freed_bytes: sum(2),
            freed_blocks: sum(3),
            live_bytes,
            live_blocks: not_negative(sum(1).wrapping_sub(sum(3))),
            peak_bytes: (own_peak.max(shared_peak).max(0) as u64).max(live_bytes),
            wiped_bytes: sum(4),
            returned_bytes: sum(5),
            unwiped_bytes: sum(6),
        }
    }
}

#[inline(always)]
fn raise<W: Writer>(peak: &AtomicI64, live: i64) {
    if live > peak.load(Ordering::Relaxed) {
        W::raise(peak, live);
    }
}

impl Account {
    #[cfg(test)]
    pub(crate) const fn new() -> Self {
        Self {
            own: Level::new(),
            shared: Level::new(),
            refused_count: AtomicU64::new(0),
            tags: Tags([const { AtomicU16::new(0) }; OWNER_TAGS_MAX]),
            figures: [const { Figures::new() }; OWNER_TAGS_MAX + 1],
        }
    }

    /// Counts an event of a block of that tag: of the owner's own thread, or of
    /// another.
    #[inline(always)]
    pub(crate) fn count(&self, is_own: bool, tag: u32, event: Event) {
        let figures = &self.figures[self.place(tag)];
        if is_own {
            self.count_in::<Own>((&self.own, &figures.own), figures, event);
        } else {
            self.count_in::<Shared>((&self.shared, &figures.shared), figures, event);
        }
    }

    #[inline(always)]
    fn count_in<W: Writer>(
        &self,
        (level, counters): (&Level, &Counters),
        figures: &Figures,
        event: Event,
    ) {
        counters.count::<W>(event);
        let [allocated, freed] = [event.allocated, event.freed].map(|size| size.unwrap_or(0));
        // A word of its own: of a realloc the old size goes as the new one comes.
        W::add_signed(&level.live_bytes, allocated as i64 - freed as i64);
        if event.allocated.is_some() {
            raise::<W>(&level.peak_bytes, self.live_bytes());
            raise::<W>(&counters.peak_bytes, figures.live_bytes());
        }
    }

    #[inline(always)]
    fn live_bytes(&self) -> i64 {
        let [own, shared] =
            [&self.own, &self.shared].map(|level| level.live_bytes.load(Ordering::Relaxed));
        own + shared
    }

    /// Where a tag's figures stand. A table that is full stays so: a tag that
    /// found no room never will, and its blocks leave where they entered.
    #[inline(always)]
    fn place(&self, tag: u32) -> usize {
        let key = tag as u16 + 1;
        let first = tag as usize % OWNER_TAGS_MAX;
        if self.tags.0[first].load(Ordering::Relaxed) == key {
            return first;
        }
        self.place_beyond(key, first)
    }

    #[inline(never)]
    fn place_beyond(&self, key: u16, first: usize) -> usize {
        for step in 0..OWNER_TAGS_MAX {
            let place = (first + step) % OWNER_TAGS_MAX;
            let word = &self.tags.0[place];
            let known = match word.load(Ordering::Relaxed) {
                0 => word
                    .compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed)
                    .map_or_else(|known| known, |_| key),
                known => known,
            };
            if known == key {
                return place;
            }
        }
        OTHERS
    }

    /// An allocation was refused.
    pub(crate) fn refuse(&self) {
        self.refused_count.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were.
    pub(crate) fn refused_count(&self) -> u64 {
        self.refused_count.load(Ordering::Relaxed)
    }

    /// Calls `then` with each tag that has figures; `None` is all others.
    pub(crate) fn each_tag(&self, mut then: impl FnMut(Option<u32>, Totals)) {
        for (place, figures) in self.figures.iter().enumerate() {
            let key = self.tags.0.get(place).map(|tag| tag.load(Ordering::Relaxed));
            let totals = figures.totals();
            if key != Some(0) && totals.allocated_blocks > 0 {
                then(key.map(|key| u32::from(key) - 1), totals);
            }
        }
    }

    /// The sums over all tags, and the peak of all together.
    #[cfg(any(test, feature = "leak-check", feature = "profile"))]
    pub(crate) fn totals(&self) -> Totals {
        let mut sums = Totals::default();
        self.each_tag(|_, totals| sums.add(&totals));
        sums.peak_bytes = self.peak_bytes().max(sums.live_bytes);
        sums
    }

    /// Greatest live of all tags together.
    pub(crate) fn peak_bytes(&self) -> u64 {
        let [own, shared] =
            [&self.own, &self.shared].map(|level| level.peak_bytes.load(Ordering::Relaxed));
        own.max(shared).max(0) as u64
    }

    /// Whether blocks are left. Exact while nobody counts.
    pub(crate) fn has_blocks(&self) -> bool {
        let mut is_left = false;
        self.each_tag(|_, totals| is_left |= totals.live_blocks > 0);
        is_left
    }

    /// Begins all figures anew. For an owner without blocks, at which nobody is.
    pub(crate) fn clear(&self) {
        self.own.clear();
        self.shared.clear();
        self.refused_count.store(0, Ordering::Relaxed);
        for (tag, figures) in self.tags.0.iter().zip(&self.figures) {
            if tag.swap(0, Ordering::Relaxed) != 0 {
                figures.clear();
            }
        }
        self.figures[OTHERS].clear();
    }

    /// Begins the peak anew, at what is live now.
    #[cfg(feature = "leak-check")]
    pub(crate) fn reset_peak(&self) {
        self.shared.peak_bytes.store(i64::MIN, Ordering::Relaxed);
        self.own.peak_bytes.store(self.live_bytes(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(size: usize) -> Event {
        Event { allocated: Some(size), ..Event::default() }
    }

    fn went(size: usize) -> Event {
        Event { freed: Some(size), wiped: size, ..Event::default() }
    }

    #[test]
    fn figures_of_both_kinds_add_up() {
        let account = Account::new();
        account.count(true, 1, came(100));
        account.count(false, 2, came(50));
        account.count(false, 1, went(100));
        account.count(true, 2, came(20));
        let totals = Totals {
            allocated_bytes: 170,
            allocated_blocks: 3,
            freed_bytes: 100,
            freed_blocks: 1,
            live_bytes: 70,
            live_blocks: 2,
            peak_bytes: 150,
            wiped_bytes: 100,
            ..Totals::default()
        };
        assert_eq!(account.totals(), totals);
        assert!(account.has_blocks());
        account.clear();
        assert_eq!(account.totals(), Totals::default());
        assert!(!account.has_blocks());
    }

    #[test]
    fn a_block_that_changes_its_size_is_there_once() {
        let account = Account::new();
        account.count(true, 0, came(100));
        account.count(true, 0, Event { allocated: Some(150), freed: Some(100), ..went(100) });
        let totals = account.totals();
        assert_eq!((totals.peak_bytes, totals.live_bytes, totals.live_blocks), (150, 150, 1));
        assert_eq!((totals.allocated_blocks, totals.freed_blocks), (2, 1));
    }

    /// A hundred tags with one block each, of which two thirds find no place.
    #[test]
    fn tags_without_a_place_are_summed_up() {
        let account = Account::new();
        for tag in 0..100 {
            account.count(tag % 2 == 0, tag, came(1 + tag as usize));
        }
        let mut seen = 0;
        let mut others = Totals::default();
        account.each_tag(|tag, totals| match tag {
            Some(tag) => {
                assert_eq!(totals.live_bytes, u64::from(tag) + 1);
                seen += 1;
            }
            None => others = totals,
        });
        assert_eq!((seen, others.live_blocks), (OWNER_TAGS_MAX, 100 - OWNER_TAGS_MAX as u64));
        assert_eq!(account.totals().live_bytes, 5_050);
        for tag in 0..100 {
            account.count(tag % 3 == 0, tag, went(1 + tag as usize));
        }
        assert!(!account.has_blocks());
        assert_eq!(account.totals().peak_bytes, 5_050);
    }
}
