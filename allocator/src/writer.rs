//! How a counter is written: by its only writer, or shared.

use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A way to add to a counter.
pub(crate) trait Writer {
    /// Adds and answers the new value.
    fn add(word: &AtomicU64, value: u64) -> u64;
    /// Adds to a figure that may be negative.
    fn add_signed(word: &AtomicI64, value: i64);
    /// Raises a figure to one that was seen to be above it.
    fn raise(word: &AtomicI64, value: i64);
}

/// Of one thread alone.
pub(crate) struct Own;

impl Writer for Own {
    #[inline(always)]
    fn add(word: &AtomicU64, value: u64) -> u64 {
        let sum = word.load(Ordering::Relaxed).wrapping_add(value);
        word.store(sum, Ordering::Relaxed);
        sum
    }

    #[inline(always)]
    fn add_signed(word: &AtomicI64, value: i64) {
        word.store(word.load(Ordering::Relaxed).wrapping_add(value), Ordering::Relaxed);
    }

    #[inline(always)]
    fn raise(word: &AtomicI64, value: i64) {
        word.store(value, Ordering::Relaxed);
    }
}

/// Of many.
pub(crate) struct Shared;

impl Writer for Shared {
    #[inline(always)]
    fn add(word: &AtomicU64, value: u64) -> u64 {
        word.fetch_add(value, Ordering::Relaxed).wrapping_add(value)
    }

    #[inline(always)]
    fn add_signed(word: &AtomicI64, value: i64) {
        word.fetch_add(value, Ordering::Relaxed);
    }

    #[inline(always)]
    fn raise(word: &AtomicI64, value: i64) {
        word.fetch_max(value, Ordering::Relaxed);
    }
}
