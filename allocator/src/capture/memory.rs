//! What a walk reads: words of a stack.

const WORD: usize = size_of::<usize>();

/// Where a walk reads: the thread's own stack, or any other.
pub(super) trait Memory {
    /// Whether the words from `below` the end of a frame up to it may be read,
    /// for a frame that begins at the stack pointer.
    fn holds(&mut self, stack: usize, end: usize, below: usize) -> bool;

    /// Whether the way may go on at another stack pointer, which code did not
    /// lead to but a signal did.
    #[cfg(target_arch = "x86_64")]
    fn may_go_on(&self, from: usize, to: usize) -> bool;

    /// # Safety
    /// The word may be read, as was asked before.
    unsafe fn read(&mut self, address: usize) -> Option<usize>;
}

/// The thread's own stack, up to its end.
pub(super) struct Own {
    end: usize,
}

impl Own {
    pub(super) fn new(end: usize) -> Self {
        Self { end }
    }
}

impl Memory for Own {
    #[inline(always)]
    fn holds(&mut self, stack: usize, end: usize, below: usize) -> bool {
        stack < end
            && end <= self.end
            && end.is_multiple_of(WORD)
            && end.wrapping_sub(stack) >= below
    }

    #[cfg(target_arch = "x86_64")]
    fn may_go_on(&self, from: usize, to: usize) -> bool {
        from < to && to < self.end && to.is_multiple_of(WORD)
    }

    #[inline(always)]
    unsafe fn read(&mut self, address: usize) -> Option<usize> {
        let place: *const usize = core::ptr::with_exposed_provenance(address);
        // SAFETY: the word lies between the stack pointer of a function that has
        // not returned and the end of the thread's stack.
        Some(unsafe { place.read_volatile() })
    }
}
