//! The calling thread's error number, which no success may change.

fn place() -> *mut i32 {
    // SAFETY: the call has no preconditions.
    unsafe { libc::__errno_location() }
}

/// The number, put back when this goes.
pub(super) struct Errno(i32);

impl Errno {
    /// Notes the number.
    #[inline(always)]
    pub(super) fn keep() -> Self {
        // SAFETY: the C library promises a valid pointer for the calling thread.
        Self(unsafe { *place() })
    }

    /// Has another number stand there, then.
    pub(super) fn becomes(mut self, number: i32) {
        self.0 = number;
    }
}

impl Drop for Errno {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { *place() = self.0 };
    }
}
