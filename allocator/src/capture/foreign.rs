//! Stacks that are not the thread's own: those of signals and of coroutines.
//!
//! Where such a stack ends is not known, and what lies above it may go at any
//! time. So the kernel copies some of it into a window, and answers where
//! reading it here would fault.

use spin::mutex::{SpinMutex, SpinMutexGuard};

use super::memory::Memory;
use crate::limits::STACK_WINDOWS_MAX;
use crate::os;

const WORD: usize = size_of::<usize>();
/// Words of a window.
const COUNT: usize = 1024;
/// No page is smaller.
const PAGE_SIZE: usize = 4 << 10;

struct Window {
    start: usize,
    count: usize,
    words: [usize; COUNT],
}

// Not on the stack: a coroutine's may be as small as a window.
static WINDOWS: [SpinMutex<Window>; STACK_WINDOWS_MAX] =
    [const { SpinMutex::new(Window { start: 0, count: 0, words: [0; COUNT] }) }; STACK_WINDOWS_MAX];

/// Any memory, read through a window.
pub(super) struct Foreign {
    /// The stack pointer at the start; the rest of its page can be read.
    here: usize,
    window: SpinMutexGuard<'static, Window>,
}

impl Drop for Foreign {
    /// No word of a stack stays here: neither a secret, nor an address that a search
    /// for pointers would take for one.
    fn drop(&mut self) {
        self.window.words.fill(0);
    }
}

impl Foreign {
    /// `None` where all windows are in use.
    pub(super) fn at(here: usize) -> Option<Self> {
        let mut window = WINDOWS.iter().find_map(SpinMutex::try_lock)?;
        window.count = 0;
        Some(Self { here, window })
    }

    fn fill(&mut self, address: usize) {
        let window = &mut *self.window;
        window.start = address;
        window.count = match os::read_words(address, &mut window.words) {
            Some(count) => count,
            None => Self::fill_from_page(self.here, address, &mut window.words),
        };
    }

    /// Where the kernel does not help, the rest of the page that the stack
    /// pointer is on.
    fn fill_from_page(here: usize, address: usize, words: &mut [usize]) -> usize {
        let end = (here | (PAGE_SIZE - 1)) + 1;
        if address < here || address >= end {
            return 0;
        }
        let count = (end - address) / WORD;
        for (index, word) in words.iter_mut().enumerate().take(count) {
            let place: *const usize = core::ptr::with_exposed_provenance(address + index * WORD);
            // SAFETY: the word is on the page that the stack pointer is on,
            // above it.
            *word = unsafe { place.read_volatile() };
        }
        count
    }
}

impl Memory for Foreign {
    fn holds(&mut self, _: usize, end: usize, _: usize) -> bool {
        // From one stack to another the way may also lead down.
        end.is_multiple_of(WORD) && end >= PAGE_SIZE
    }

    #[cfg(target_arch = "x86_64")]
    fn may_go_on(&self, _: usize, to: usize) -> bool {
        to.is_multiple_of(WORD)
    }

    unsafe fn read(&mut self, address: usize) -> Option<usize> {
        for _ in 0..2 {
            let index = address.wrapping_sub(self.window.start) / WORD;
            if index < self.window.count {
                return self.window.words.get(index).copied();
            }
            self.fill(address);
        }
        None
    }
}
