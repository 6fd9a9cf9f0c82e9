//! A place for a reference that one thread sets and any may read.

use core::sync::atomic::{AtomicPtr, Ordering};
use core::{fmt, ptr};

/// Empty (all zero bytes) or a reference that lives for ever.
pub(crate) struct Published<T: 'static>(AtomicPtr<T>);

impl<T: Sync + 'static> Published<T> {
    pub(crate) const fn empty() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&'static T> {
        let place = self.0.load(Ordering::Acquire);
        // SAFETY: only `set` stores here, and it takes a shared reference that
        // lives for ever.
        unsafe { place.as_ref() }
    }

    pub(crate) fn clear(&self) {
        self.0.store(ptr::null_mut(), Ordering::Release);
    }

    /// As [`Published::set`], unless somebody was faster: false then.
    pub(crate) fn set_first(&self, value: &'static T) -> bool {
        let place = ptr::from_ref(value).cast_mut();
        let before = ptr::null_mut();
        self.0.compare_exchange(before, place, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    pub(crate) fn set(&self, value: &'static T) {
        self.0.store(ptr::from_ref(value).cast_mut(), Ordering::Release);
    }
}

impl<T: fmt::Debug + Sync + 'static> fmt::Debug for Published<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(formatter)
    }
}
