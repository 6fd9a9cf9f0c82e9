//! Where the calling thread's stack lies.

use core::sync::atomic::{AtomicUsize, Ordering};

use crate::os;

/// A thread's own stack. All of it from the stack pointer up can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(super) lowest: usize,
    pub(super) highest: usize,
}

/// The process's first stack grows, so its lowest address is known until it is
/// passed; the thread that it belongs to alone writes here.
static FIRST_LOWEST: AtomicUsize = AtomicUsize::new(0);
static FIRST_HIGHEST: AtomicUsize = AtomicUsize::new(usize::MAX);
/// If nothing limits the first stack it is taken to end here, bytes.
const FIRST_SIZE_MAX: usize = 1 << 30;

impl Bounds {
    /// Not looked up; no stack is within.
    pub(crate) const UNKNOWN: Self = Self { lowest: 0, highest: 0 };

    /// Those of the calling thread, by some system calls: 3 µs. Allocates
    /// nothing, and leaves the last error alone.
    pub(crate) fn of_thread() -> Self {
        let first = os::first_stack();
        let here = os::thread_block();
        // The first stack is that of a thread whose own is not known, too: a
        // fork's, whose only thread was another one in its parent.
        match os::mapping_of(here) {
            Some((lowest, _)) if !os::is_first_thread() => Self { lowest, highest: here },
            _ => match os::mapping_of(first) {
                Some((lowest, _)) => {
                    FIRST_LOWEST.store(lowest, Ordering::Relaxed);
                    FIRST_HIGHEST.store(first, Ordering::Relaxed);
                    Self { lowest, highest: first }
                }
                None => Self { lowest: 1, highest: 1 },
            },
        }
    }

    /// The stack's end, if the address is on it.
    #[inline(always)]
    pub(super) fn end_above(self, address: usize) -> Option<usize> {
        if address < self.highest && (address >= self.lowest || self.has_grown_to(address)) {
            Some(self.highest)
        } else {
            None
        }
    }

    #[cold]
    fn has_grown_to(self, address: usize) -> bool {
        if self.highest != FIRST_HIGHEST.load(Ordering::Relaxed) {
            return false;
        }
        if address >= FIRST_LOWEST.load(Ordering::Relaxed) {
            return true;
        }
        // Far below it is another stack, and none of this one's growth.
        if self.highest - address > os::first_stack_limit().min(FIRST_SIZE_MAX) {
            return false;
        }
        match os::mapping_of(address) {
            Some((lowest, end)) if end >= self.highest => {
                FIRST_LOWEST.store(lowest, Ordering::Relaxed);
                true
            }
            _ => false,
        }
    }
}
