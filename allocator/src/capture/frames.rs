//! A captured stack: return addresses, innermost first.

use core::mem::MaybeUninit;

use crate::limits::STACK_DEPTH_MAX;

/// How a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At the outermost frame of the thread.
    Whole,
    /// At the depth that was asked for.
    Cut,
    /// Where the way on is not known: code that says nothing about its frames,
    /// or that was loaded a moment ago; memory that cannot be read.
    Lost,
    /// Every cache of the unwinder was in use.
    Busy,
}

/// The return addresses of one stack, in place: nothing is written but what was
/// captured.
pub(crate) struct Frames {
    count: usize,
    end: End,
    addresses: [MaybeUninit<usize>; STACK_DEPTH_MAX],
}

impl Frames {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self {
            count: 0,
            end: End::Lost,
            addresses: [const { MaybeUninit::uninit() }; STACK_DEPTH_MAX],
        }
    }

    /// The addresses, innermost first.
    #[inline]
    pub(crate) fn addresses(&self) -> &[usize] {
        let captured = self.addresses.as_ptr().cast();
        // SAFETY: finish() is told how many were written, from the first on.
        unsafe { core::slice::from_raw_parts(captured, self.count) }
    }

    /// How the capture ended.
    #[inline]
    pub(crate) fn end(&self) -> End {
        self.end
    }

    /// # Safety
    /// The index is below [`STACK_DEPTH_MAX`].
    #[inline(always)]
    pub(super) unsafe fn put(&mut self, index: usize, address: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.addresses.get_unchecked_mut(index) }.write(address);
    }

    /// # Safety
    /// The first `count` frames were put in place.
    #[inline(always)]
    pub(super) unsafe fn finish(&mut self, count: usize, end: End) {
        self.count = count;
        self.end = end;
    }
}
