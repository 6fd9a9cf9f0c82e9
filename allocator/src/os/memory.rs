//! Address space and pages.

use core::ffi::c_void;
use core::ptr;

use super::ours::{forget_own, note_own};

pub(crate) fn page_size() -> usize {
    // SAFETY: sysconf has no preconditions.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// Fresh zeroed private memory, committed on first touch; null where there is
/// none. Never unmapped but by whoever asked for it, so that references to it
/// may be `'static`. Noted as scrubjay's own.
pub(crate) fn map_private(size: usize) -> *mut u8 {
    // SAFETY: no address is asked for, so nothing that exists is touched.
    let address = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return ptr::null_mut();
    }
    note_own(address.cast(), size);
    address.cast()
}

/// Asks the kernel for large pages, where the range has room for one: fewer of a
/// processor's look-ups of addresses are in vain.
pub(crate) fn ask_for_large_pages(address: *mut u8, size: usize) {
    const LARGE: usize = 2 << 20;
    if size >= LARGE && !address.is_null() {
        // SAFETY: the advice changes no content.
        unsafe { libc::madvise(address.cast(), size, libc::MADV_HUGEPAGE) };
    }
}

/// Has core files leave reserved addresses out. The kernel makes one mapping of
/// neighbours that are alike, and once a page of one was written it would write
/// them out whole: terabytes. Debuggers write them out in any case.
fn leave_out_of_dumps(address: *mut u8, size: usize) {
    // Where that is refused the mapping is not like its neighbours, at worst.
    // SAFETY: the advice changes nothing in this process.
    unsafe { libc::madvise(address.cast(), size, libc::MADV_DONTDUMP) };
}

/// Address space without memory; null where there is none.
pub(crate) fn reserve(size: usize) -> *mut u8 {
    // SAFETY: no address is asked for, so nothing that exists is touched.
    let address = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return ptr::null_mut();
    }
    leave_out_of_dumps(address.cast(), size);
    address.cast()
}

/// Gives address space up that nothing refers to.
pub(crate) fn unmap(address: *mut u8, size: usize) {
    // Before somebody else gets the addresses.
    forget_own(address);
    // SAFETY: the callers got the range from `reserve` or `map_private`.
    unsafe { libc::munmap(address.cast(), size) };
}

/// Lays part of a file (or, without one, fresh memory) over reserved address
/// space.
///
/// # Safety
/// The range lies in space got from [`reserve`] and nothing refers to it yet.
pub(crate) unsafe fn map_over(address: *mut u8, size: usize, file: Option<i32>, at: u64) -> bool {
    let (flags, descriptor) = match file {
        Some(descriptor) => (libc::MAP_SHARED, descriptor),
        None => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE, -1),
    };
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the caller owns the range, so nothing that exists is replaced.
    let mapped = unsafe {
        libc::mmap(
            address.cast(),
            size,
            protection,
            flags | libc::MAP_FIXED,
            descriptor,
            at as libc::off_t,
        )
    };
    mapped != libc::MAP_FAILED
}

/// Gives a range's pages back to the kernel and keeps its addresses.
///
/// # Safety
/// The range lies in space got from [`reserve`] and nothing refers to it.
pub(crate) unsafe fn return_pages(address: *mut u8, size: usize) -> bool {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
    // SAFETY: the caller owns the range.
    let mapped = unsafe { libc::mmap(address.cast(), size, libc::PROT_NONE, flags, -1, 0) };
    let is_returned = mapped != libc::MAP_FAILED;
    if is_returned {
        leave_out_of_dumps(address, size);
    }
    is_returned
}

/// Gives a range's pages back to the kernel; the range reads as zeros then.
///
/// # Safety
/// The range is private memory of the caller's that nobody else refers to.
pub(crate) unsafe fn blank_pages(address: *mut u8, size: usize) {
    // SAFETY: the caller owns the range.
    unsafe { libc::madvise(address.cast(), size, libc::MADV_DONTNEED) };
}

/// Takes addresses that were given up, unless somebody has them by now.
pub(crate) fn reserve_again(address: *mut u8, size: usize) -> bool {
    let flags =
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: nothing that exists is replaced.
    let mapped = unsafe { libc::mmap(address.cast(), size, libc::PROT_NONE, flags, -1, 0) };
    if mapped != libc::MAP_FAILED && mapped.cast() != address {
        // A kernel before 4.17 takes the address for a hint.
        // SAFETY: the mapping was made just now.
        unsafe { libc::munmap(mapped, size) };
        return false;
    }
    let is_reserved = mapped != libc::MAP_FAILED;
    if is_reserved {
        leave_out_of_dumps(address, size);
    }
    is_reserved
}

/// Moves pages to reserved addresses, without copying, and makes the range
/// larger. On failure everything is as before.
///
/// # Safety
/// The old range is a mapping of the caller's; the new one lies in space got
/// from [`reserve`] and nothing refers to it.
pub(crate) unsafe fn move_pages(old: *mut u8, old_size: usize, new: *mut u8, size: usize) -> bool {
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    // SAFETY: the caller owns both ranges.
    let moved = unsafe { libc::mremap(old.cast(), old_size, size, flags, new.cast::<c_void>()) };
    moved != libc::MAP_FAILED
}

/// Faults pages in for writing, so that a later store does not wait for the
/// file system. Kernels before 5.14 refuse, which costs nothing but the wait.
pub(crate) fn populate(range: &[u8]) {
    const MADV_POPULATE_WRITE: i32 = 23;
    // SAFETY: populating changes no content.
    unsafe { libc::madvise(range.as_ptr() as *mut c_void, range.len(), MADV_POPULATE_WRITE) };
}

/// Asks the kernel to blank a page in forked children. False where it cannot.
pub(crate) fn wipe_on_fork(address: *const c_void, size: usize) -> bool {
    // SAFETY: the advice changes nothing in this process.
    unsafe { libc::madvise(address.cast_mut(), size, libc::MADV_WIPEONFORK) == 0 }
}
