//! The four methods.

use core::alloc::{GlobalAlloc, Layout};

use super::blocks;
use super::inner::{Over, System};
use crate::config::Config;

/// The allocator: install it once, in the binary or the test.
///
/// On this target it counts per tag and wipes; it keeps no log.
///
/// ```
/// use scrubjay::Scrubjay;
///
/// #[global_allocator]
/// static ALLOCATOR: Scrubjay = Scrubjay::new();
/// # fn main() {}
/// ```
///
/// All of a process's `Scrubjay`s share one ledger.
#[derive(Debug)]
pub struct Scrubjay<I = System> {
    inner: I,
    config: Config,
}

impl Scrubjay<System> {
    /// Over the system's allocator, with the default settings.
    pub const fn new() -> Self {
        Self::with(Config::new())
    }

    /// Over the system's allocator, with settings.
    pub const fn with(config: Config) -> Self {
        Self { inner: System, config }
    }
}

impl<A: GlobalAlloc> Scrubjay<Over<A>> {
    /// Over another allocator, with the default settings.
    pub const fn over(allocator: A) -> Self {
        Self::over_with(allocator, Config::new())
    }

    /// Over another allocator, with settings.
    pub const fn over_with(allocator: A, config: Config) -> Self {
        Self { inner: Over(allocator), config }
    }
}

impl Default for Scrubjay<System> {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: layouts are honoured (the inner allocator is asked for the same
// alignment and eight bytes more), nothing unwinds (no method panics, and the
// inner allocator must not), and nothing allocates through itself.
unsafe impl GlobalAlloc for Scrubjay<System> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        unsafe { blocks::alloc(&std::alloc::System, &self.config, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { blocks::alloc_zeroed(&std::alloc::System, &self.config, layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { blocks::dealloc(&std::alloc::System, &self.config, block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { blocks::realloc(&std::alloc::System, &self.config, block, layout, new_size) }
    }
}

// SAFETY: as for `Scrubjay<System>`.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Scrubjay<Over<A>> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        unsafe { blocks::alloc(&self.inner.0, &self.config, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { blocks::alloc_zeroed(&self.inner.0, &self.config, layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { blocks::dealloc(&self.inner.0, &self.config, block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { blocks::realloc(&self.inner.0, &self.config, block, layout, new_size) }
    }
}
