//! The tag of each open span, by the span's id.
//!
//! An id has two buckets, either of which may hold it; what has room in neither is
//! refused. Nobody waits: a place is taken by one compare-exchange, and an id
//! enters it last.

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::limits::{SPANS_MAX, SPANS_PER_BUCKET};

pub(super) struct Table(Box<[Bucket]>);

#[repr(align(64))]
struct Bucket {
    /// Ids of spans: [`FREE`] and [`CLAIMED`] are none.
    spans: [AtomicU64; SPANS_PER_BUCKET],
    tags: [AtomicU32; SPANS_PER_BUCKET],
}

const FREE: u64 = 0;
/// Marks a place that is being taken.
const CLAIMED: u64 = u64::MAX;
const BUCKETS: usize = SPANS_MAX / SPANS_PER_BUCKET;

impl Table {
    pub(super) fn new() -> Self {
        let empty = || Bucket {
            spans: [const { AtomicU64::new(FREE) }; SPANS_PER_BUCKET],
            tags: [const { AtomicU32::new(0) }; SPANS_PER_BUCKET],
        };
        Self((0..BUCKETS).map(|_| empty()).collect())
    }

    /// What no other table has while this one is there.
    #[inline]
    pub(super) fn place(&self) -> usize {
        self.0.as_ptr().addr()
    }

    /// Fibonacci hashing (Knuth, TAOCP 3, 6.4): high bits depend on all of an id.
    #[inline]
    fn buckets(&self, span: u64) -> [&Bucket; 2] {
        let hash = span.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let [one, other] = [hash >> 48, hash >> 32].map(|part| part as usize % BUCKETS);
        [&self.0[one], &self.0[other]]
    }

    /// The tag of a span; `None` where it has none.
    #[inline]
    pub(super) fn tag(&self, span: u64) -> Option<u32> {
        self.find(span).map(|tag| tag.load(Ordering::Relaxed))
    }

    #[inline]
    fn find(&self, span: u64) -> Option<&AtomicU32> {
        let [one, other] = self.buckets(span);
        one.find(span).or_else(|| other.find(span))
    }

    /// Gives a span a tag, or another one. False where there is no room.
    pub(super) fn insert(&self, span: u64, tag: u32) -> bool {
        if span == FREE || span == CLAIMED {
            return false;
        }
        if let Some(place) = self.find(span) {
            place.store(tag, Ordering::Relaxed);
            return true;
        }
        // The emptier one, so that both are full only once nearly all are.
        let mut buckets = self.buckets(span);
        buckets.sort_by_key(|bucket| bucket.count());
        buckets.iter().any(|bucket| bucket.insert(span, tag))
    }

    /// Forgets a span that is closed.
    pub(super) fn remove(&self, span: u64) {
        for bucket in self.buckets(span) {
            // Recorded by two threads at once it may stand there twice.
            for place in bucket.spans.iter().filter(|place| place.load(Ordering::Relaxed) == span) {
                place.store(FREE, Ordering::Release);
            }
        }
    }
}

impl Bucket {
    #[inline]
    fn find(&self, span: u64) -> Option<&AtomicU32> {
        let mut places = self.spans.iter().zip(&self.tags);
        places.find(|(place, _)| place.load(Ordering::Acquire) == span).map(|(_, tag)| tag)
    }

    fn count(&self) -> usize {
        self.spans.iter().filter(|place| place.load(Ordering::Relaxed) != FREE).count()
    }

    fn insert(&self, span: u64, tag: u32) -> bool {
        self.spans.iter().zip(&self.tags).any(|(place, tag_place)| {
            let claim = place.compare_exchange(FREE, CLAIMED, Ordering::Acquire, Ordering::Relaxed);
            if claim.is_ok() {
                tag_place.store(tag, Ordering::Relaxed);
                place.store(span, Ordering::Release);
            }
            claim.is_ok()
        })
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count: usize = self.0.iter().map(Bucket::count).sum();
        formatter.debug_struct("Table").field("count", &count).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbered as a registry numbers them: by their place, with the thread above.
    fn spans() -> impl Iterator<Item = u64> {
        (0..u64::MAX).map(|number| 1 + number / 4 + ((number % 4) << 38))
    }

    #[test]
    fn a_span_has_the_tag_that_it_was_given_last() {
        let table = Table::new();
        let spans: Vec<u64> = spans().take(SPANS_MAX / 2).collect();
        for &span in &spans {
            assert!(table.insert(span, 1));
            assert!(table.insert(span, span as u32));
        }
        for &span in &spans {
            assert_eq!(table.tag(span), Some(span as u32));
        }
        for &span in &spans {
            table.remove(span);
            assert_eq!(table.tag(span), None);
        }
        assert_eq!(format!("{table:?}"), "Table { count: 0, .. }");
    }

    /// With one bucket it would be a quarter.
    #[test]
    fn three_quarters_fill_before_one_is_refused() {
        let table = Table::new();
        let count = spans().take_while(|&span| table.insert(span, 1)).count();
        assert!(count > SPANS_MAX * 3 / 4, "{count}");
    }

    #[test]
    fn no_span_is_lost_between_threads() {
        let table = Table::new();
        std::thread::scope(|scope| {
            for thread in 1..=4_u64 {
                let table = &table;
                scope.spawn(move || {
                    for number in 0..100_000 {
                        let span = thread << 40 | (number % 7 + 1);
                        assert!(table.insert(span, thread as u32));
                        assert_eq!(table.tag(span), Some(thread as u32));
                        table.remove(span);
                    }
                });
            }
        });
        assert_eq!(format!("{table:?}"), "Table { count: 0, .. }");
    }
}
