//! How a counter is written: by its only writer, or shared.

use core::sync::atomic::{AtomicU64, Ordering};

/// A way to add to a counter.
pub(crate) trait Writer {
    /// Adds and answers the new value.
    fn add(word: &AtomicU64, value: u64) -> u64;
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
}

/// Of many.
pub(crate) struct Shared;

impl Writer for Shared {
    #[inline(always)]
    fn add(word: &AtomicU64, value: u64) -> u64 {
        word.fetch_add(value, Ordering::Relaxed).wrapping_add(value)
    }
}
