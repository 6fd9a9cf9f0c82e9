//! The functions under their usual names.

use core::ffi::c_void;
use core::ptr;

/// `size` bytes, or null.
#[inline(always)]
pub(crate) fn malloc(size: usize) -> *mut u8 {
    // SAFETY: malloc has no preconditions.
    unsafe { libc::malloc(size) }.cast()
}

/// `size` bytes of zeros, or null.
#[inline(always)]
pub(crate) fn zeroed(size: usize) -> *mut u8 {
    // SAFETY: calloc has no preconditions.
    unsafe { libc::calloc(size, 1) }.cast()
}

/// `size` bytes at a multiple of a power of two from a pointer's size up, or
/// null.
#[inline(always)]
pub(crate) fn aligned(align: usize, size: usize) -> *mut u8 {
    let mut block = ptr::null_mut();
    // SAFETY: the block's place can be written; a bad alignment is refused.
    let refused = unsafe { libc::posix_memalign(&mut block, align, size) };
    if refused == 0 { block.cast() } else { ptr::null_mut() }
}

/// Resizes a block, in place or by moving it. On null it stays as it is.
///
/// # Safety
/// The block is live and came from here.
#[inline(always)]
pub(crate) unsafe fn realloc(block: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { libc::realloc(block.cast::<c_void>(), size) }.cast()
}

/// Releases a block.
///
/// # Safety
/// The block came from here, and its owner gives it up.
#[inline(always)]
pub(crate) unsafe fn free(block: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { libc::free(block.cast::<c_void>()) };
}

/// How many bytes a block really has.
///
/// # Safety
/// The block came from here. If it is not live any more this reads the heap's
/// own words in front of it, which free would read, too.
#[inline(always)]
pub(crate) unsafe fn usable_size(block: *mut u8) -> usize {
    // SAFETY: the caller's promise.
    unsafe { libc::malloc_usable_size(block.cast::<c_void>()) }
}

/// Runs what calls a wrapped allocator, about which nobody need know.
#[inline(always)]
pub(crate) fn wrapped<T>(then: impl FnOnce() -> T) -> T {
    then()
}

/// Has whoever stands before the C library get ready: nobody does.
#[inline(always)]
pub(crate) fn knock() {}
