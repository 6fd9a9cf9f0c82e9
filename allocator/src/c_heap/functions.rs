//! The functions themselves, as C and POSIX describe them and glibc has them.
//!
//! `reallocarray` is missing: glibc's own calls `realloc`. So is `cfree`, which
//! no new program can link.

use core::ffi::{c_int, c_void};
use core::ptr;

use scrubjay_log_format::EventKind;

use super::errno::Errno;
use super::{look, resize, ruler, take};
use crate::heap::Ruler;
use crate::{heap, os};

/// `malloc`: 0 bytes are a block, too.
///
/// # Safety
/// None is asked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    let Some(ruler) = ruler() else { return heap::malloc(size).cast() };
    take::alloc(ruler, EventKind::Alloc, size, heap::malloc).cast()
}

/// `calloc`: zeros that nobody has to write where pages are fresh.
///
/// # Safety
/// None is asked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    // What overflows is refused as what no machine has.
    let size = count.saturating_mul(size);
    let Some(ruler) = ruler() else { return heap::zeroed(size).cast() };
    take::alloc(ruler, EventKind::AllocZeroed, size, heap::zeroed).cast()
}

/// `realloc`: of null it is `malloc`; to 0 bytes it is `free`, as glibc has it.
///
/// # Safety
/// The block is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if block.is_null() {
        // SAFETY: none is asked.
        return unsafe { malloc(size) };
    }
    if size == 0 {
        // SAFETY: the caller's promise.
        unsafe { free(block) };
        return ptr::null_mut();
    }
    let block = block.cast();
    match ruler() {
        // SAFETY: the caller's promise.
        Some(ruler) => unsafe { resize::realloc(ruler, block, size) }.cast(),
        // SAFETY: as above; nothing has a trailer yet.
        None => unsafe { heap::realloc(block, size) }.cast(),
    }
}

/// `free`: null is nothing, and `errno` stays.
///
/// # Safety
/// The block is null or live, and its owner gives it up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: *mut c_void) {
    let ruler = ruler();
    if block.is_null() {
        return;
    }
    match ruler {
        // SAFETY: the caller's promise.
        Some(ruler) => unsafe { take::free(ruler, block.cast()) },
        // SAFETY: as above; nothing has a trailer yet.
        None => unsafe { heap::free(block.cast()) },
    }
}

/// `malloc_usable_size`: all bytes that may be written, the trailer excepted.
///
/// # Safety
/// The block is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    if block.is_null() {
        return 0;
    }
    // Before blocks have trailers it is not kept yet.
    let Some(ruler) = ruler().or_else(Ruler::find) else { return 0 };
    let block = block.cast();
    // SAFETY: the caller's promise.
    match unsafe { look::block(ruler, block) } {
        Some(size) => size,
        // SAFETY: as above.
        None => unsafe { ruler.usable_size(block) },
    }
}

fn aligned(align: usize, size: usize) -> *mut u8 {
    let Some(ruler) = ruler() else { return heap::aligned(align, size) };
    take::alloc(ruler, EventKind::Alloc, size, |size| heap::aligned(align, size))
}

fn refuse_alignment() -> *mut c_void {
    Errno::keep().becomes(libc::EINVAL);
    ptr::null_mut()
}

/// `aligned_alloc`: any power of two.
///
/// # Safety
/// None is asked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        return refuse_alignment();
    }
    aligned(align, size).cast()
}

/// `posix_memalign`: a power of two that is a multiple of a pointer's size.
/// Says what is wrong by its answer.
///
/// # Safety
/// The block's place can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(
    place: *mut *mut c_void,
    align: usize,
    size: usize,
) -> c_int {
    if !align.is_power_of_two() || align < size_of::<*mut c_void>() {
        return libc::EINVAL;
    }
    let _errno = Errno::keep();
    let block = aligned(align, size);
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller's promise.
    unsafe { place.write(block.cast()) };
    0
}

/// `memalign`: glibc rounds other numbers up to a power of two.
///
/// # Safety
/// None is asked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    match align.checked_next_power_of_two() {
        Some(align) if align <= isize::MAX as usize => aligned(align, size).cast(),
        _ => refuse_alignment(),
    }
}

/// `valloc`. Here because glibc's own would give blocks without a trailer, in
/// whose place an older one's may still stand.
///
/// # Safety
/// None is asked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    aligned(os::page_size(), size).cast()
}

/// `pvalloc`: as `valloc`, in whole pages; for the same reason.
///
/// # Safety
/// None is asked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pvalloc(size: usize) -> *mut c_void {
    let page_size = os::page_size();
    let size = size.checked_next_multiple_of(page_size).unwrap_or(usize::MAX);
    aligned(page_size, size).cast()
}
