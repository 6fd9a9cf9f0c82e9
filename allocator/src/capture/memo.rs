//! A thread's last stack, kept so that the next one need only be compared.
//!
//! A way up a stack follows from the registers that it begins with, from the
//! rules of the code, and from the words that it reads. Where these are as they
//! were, so is the way: to compare a frame's words takes a fifth of what it
//! takes to follow its rule. So a walk goes by the rules until it meets a frame
//! of the last walk, and from there on it looks whether the words are the same.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering, compiler_fence};

use super::kept::Kept;
use crate::os;

/// The last stack of one thread. All zeros are none.
pub(crate) struct Memo {
    /// A signal's handler may allocate while its thread is at it.
    is_busy: AtomicBool,
    kept: UnsafeCell<Kept>,
}

// SAFETY: only the thread whose memo it is looks into it, and `is_busy` keeps
// it from doing so twice at a time.
unsafe impl Sync for Memo {}

/// A memo, which nobody else uses for as long.
pub(super) struct Taken<'a> {
    is_busy: &'a AtomicBool,
    kept: &'a mut Kept,
}

impl Memo {
    /// A new one, for one thread. `None` where there is no memory.
    pub(crate) fn make() -> Option<&'static Self> {
        let place: *const Self = os::map_private(size_of::<Self>()).cast();
        // SAFETY: the mapping is fresh and never undone, and zeros are valid.
        unsafe { place.as_ref() }
    }

    /// Takes it, for the thread whose it is. `None` where the thread has it
    /// already, and was interrupted.
    #[inline(always)]
    pub(super) fn take(&self) -> Option<Taken<'_>> {
        if self.is_busy.load(Ordering::Relaxed) {
            return None;
        }
        self.is_busy.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        // SAFETY: nobody else is at it.
        let kept = unsafe { &mut *self.kept.get() };
        Some(Taken { is_busy: &self.is_busy, kept })
    }
}

impl Deref for Taken<'_> {
    type Target = Kept;

    #[inline(always)]
    fn deref(&self) -> &Kept {
        self.kept
    }
}

impl DerefMut for Taken<'_> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Kept {
        self.kept
    }
}

impl Drop for Taken<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        self.is_busy.store(false, Ordering::Relaxed);
    }
}
