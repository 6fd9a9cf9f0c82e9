//! Every call to the system, each with its contract.
//!
//! None of them allocates through Rust's global allocator.

use core::ffi::{CStr, c_void};
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};
use std::io;

/// The last error, for callers outside the allocator.
pub(crate) fn last_error() -> io::Error {
    io::Error::last_os_error()
}

fn errno() -> i32 {
    // SAFETY: the call has no preconditions.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: glibc and musl promise a valid pointer for the calling thread.
    unsafe { *place }
}

/// Writes to standard error, once; a failure has nobody to hear of it.
pub(crate) fn write_error(bytes: &[u8]) {
    // SAFETY: the slice is readable for its size.
    unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len()) };
}

/// Ends the process without running anything else of it.
pub(crate) fn abort() -> ! {
    // SAFETY: abort has no preconditions.
    unsafe { libc::abort() }
}

/// The environment's value, if any. The bytes must not be kept beyond a call
/// of `setenv`: callers read them before main, or copy.
pub(crate) fn environment(name: &CStr) -> Option<&'static [u8]> {
    // SAFETY: the name is a C string; getenv answers one or null.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: getenv's answer is a C string that stays until the variable is
    // set anew.
    Some(unsafe { CStr::from_ptr(value) }.to_bytes())
}

/// Whether the process runs with more rights than its caller.
pub(crate) fn is_privileged() -> bool {
    // SAFETY: getauxval has no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// A number that an outsider cannot guess, or at least one that differs
/// between runs where the kernel has no randomness to give yet.
pub(crate) fn random() -> u64 {
    let mut bytes = [0_u8; 8];
    // SAFETY: the buffer is writable for its size.
    let count =
        unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), libc::GRND_NONBLOCK) };
    if count == 8 {
        u64::from_ne_bytes(bytes)
    } else {
        monotonic_ns() ^ (process_id() as u64) << 40
    }
}

pub(crate) fn process_id() -> u32 {
    // SAFETY: getpid has no preconditions.
    unsafe { libc::getpid() as u32 }
}

pub(crate) fn parent_id() -> u32 {
    // SAFETY: getppid has no preconditions.
    unsafe { libc::getppid() as u32 }
}

/// The system's id of the calling thread.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: gettid has no preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) as u32 }
}

/// The calling thread's name, NUL-padded.
pub(crate) fn thread_name() -> [u8; 16] {
    let mut name = [0_u8; 16];
    // SAFETY: PR_GET_NAME writes at most 16 bytes.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    name
}

pub(crate) fn page_size() -> usize {
    // SAFETY: sysconf has no preconditions.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// Lets another thread run.
pub(crate) fn yield_now() {
    // SAFETY: sched_yield has no preconditions.
    unsafe { libc::sched_yield() };
}

/// Lets the thread run that has what is wanted: for a short while by yielding,
/// then by sleeping ever longer, up to a millisecond. `tries` counts from 0.
pub(crate) fn back_off(tries: u32) {
    const YIELDS: u32 = 100;
    if tries < YIELDS {
        yield_now();
        return;
    }
    let time = libc::timespec { tv_sec: 0, tv_nsec: i64::from(tries.min(1_000)) * 1_000 };
    // SAFETY: the timespec can be read, and what is left is not asked for.
    unsafe { libc::nanosleep(&time, ptr::null_mut()) };
}

fn clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the timespec is writable.
    unsafe { libc::clock_gettime(id, &mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// `CLOCK_MONOTONIC` in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds since 1970.
pub(crate) fn realtime_ns() -> u64 {
    clock(libc::CLOCK_REALTIME)
}

/// Reads a small file whole into the buffer; `None` where that fails.
pub(crate) fn read_file<'a>(path: &CStr, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    // SAFETY: the path is a C string.
    let descriptor = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if descriptor < 0 {
        return None;
    }
    // SAFETY: the buffer is writable for its size.
    let count = unsafe { libc::read(descriptor, buffer.as_mut_ptr().cast(), buffer.len()) };
    close(descriptor);
    buffer.get(..usize::try_from(count).ok()?)
}

/// Fresh zeroed private memory, committed on first touch; null where there is
/// none. Never unmapped, so that references to it may be `'static`.
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
    if address == libc::MAP_FAILED { ptr::null_mut() } else { address.cast() }
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
    if address == libc::MAP_FAILED { ptr::null_mut() } else { address.cast() }
}

/// Gives address space up that nothing refers to.
pub(crate) fn unmap(address: *mut u8, size: usize) {
    // SAFETY: the callers just got the range from `reserve`.
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
    mapped != libc::MAP_FAILED
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
    mapped != libc::MAP_FAILED
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

/// A run of pages, from its first byte to behind its last.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct PageRun {
    pub(crate) start: u64,
    pub(crate) end: u64,
    categories: u64,
}

/// The kernel's book of this process's pages; `None` where it is closed to us.
pub(crate) fn open_pagemap() -> Option<i32> {
    // SAFETY: the path is a C string.
    let file =
        unsafe { libc::open(c"/proc/self/pagemap".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    (file >= 0).then_some(file)
}

/// Finds runs of pages that hold something, in memory or swapped out, from
/// `start` on. Answers how many, and where the search has come to; `None` on
/// kernels before 6.7.
pub(crate) fn scan_pagemap(
    file: i32,
    start: u64,
    end: u64,
    runs: &mut [PageRun],
) -> Option<(usize, u64)> {
    #[repr(C)]
    struct Scan {
        size: u64,
        flags: u64,
        start: u64,
        end: u64,
        walk_end: u64,
        runs: u64,
        run_count: u64,
        page_count_max: u64,
        inverted: u64,
        all_of: u64,
        any_of: u64,
        answered: u64,
    }
    const PRESENT: u64 = 1 << 3;
    const SWAPPED: u64 = 1 << 4;
    /// The shared page of zeros, which a mere read maps.
    const ZERO: u64 = 1 << 5;
    /// `_IOWR('f', 16, struct pm_scan_arg)`.
    const PAGEMAP_SCAN: libc::Ioctl =
        (3 << 30 | (size_of::<Scan>() as libc::Ioctl) << 16 | 0x66 << 8 | 16) as libc::Ioctl;
    let mut scan = Scan {
        size: size_of::<Scan>() as u64,
        flags: 0,
        start,
        end,
        walk_end: 0,
        runs: runs.as_mut_ptr() as u64,
        run_count: runs.len() as u64,
        page_count_max: 0,
        inverted: ZERO,
        all_of: ZERO,
        any_of: PRESENT | SWAPPED,
        answered: PRESENT | SWAPPED,
    };
    // SAFETY: the kernel writes the structure, and at most `run_count` runs.
    let count = unsafe { libc::ioctl(file, PAGEMAP_SCAN, &mut scan) };
    Some((usize::try_from(count).ok()?, scan.walk_end))
}

/// Reads the book's entries from a page on; answers how many.
pub(crate) fn read_pagemap(file: i32, page: u64, entries: &mut [u64]) -> Option<usize> {
    let size = size_of_val(entries);
    let place = (page * 8) as libc::off_t;
    // SAFETY: the entries are writable for their size.
    let read = unsafe { libc::pread(file, entries.as_mut_ptr().cast(), size, place) };
    usize::try_from(read).ok().map(|size| size / 8).filter(|&count| count > 0)
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

/// Creates a file for this process alone: new, mode 0600, no link followed.
/// `Err` holds the error's number.
pub(crate) fn create_file(path: &CStr) -> Result<i32, i32> {
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    // SAFETY: the path is a C string.
    let descriptor = unsafe { libc::open(path.as_ptr(), flags, 0o600) };
    if descriptor < 0 { Err(errno()) } else { Ok(descriptor) }
}

/// Removes a file that this process created.
pub(crate) fn remove_file(path: &CStr) {
    // SAFETY: the path is a C string.
    unsafe { libc::unlink(path.as_ptr()) };
}

/// Which file a descriptor stands for: its device and its number there. `None`
/// where it is closed.
pub(crate) fn identity(descriptor: i32) -> Option<(u64, u64)> {
    // SAFETY: all zeros is a valid structure.
    let mut status: libc::stat = unsafe { core::mem::zeroed() };
    // SAFETY: the structure is writable.
    let known = unsafe { libc::fstat(descriptor, &mut status) } == 0;
    known.then_some((status.st_dev, status.st_ino))
}

/// Marks the file as in use by this process, until it ends.
pub(crate) fn lock_file(descriptor: i32) {
    // SAFETY: flock has no preconditions.
    unsafe { libc::flock(descriptor, libc::LOCK_EX | libc::LOCK_NB) };
}

pub(crate) fn close(descriptor: i32) {
    // SAFETY: the callers own the descriptor and forget it.
    unsafe { libc::close(descriptor) };
}

/// Why a file got no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// It would grow beyond `RLIMIT_FSIZE`, which kills.
    FileSizeLimit,
    /// The file system is full, or cannot reserve.
    Refused(i32),
}

/// Reserves blocks of a file: never by writing, and never beyond the
/// process's limit of file sizes.
pub(crate) fn reserve_file(descriptor: i32, at: u64, size: u64) -> Result<(), NoRoom> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is writable.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) } == 0;
    if known && at.saturating_add(size) > limit.rlim_cur {
        return Err(NoRoom::FileSizeLimit);
    }
    loop {
        // SAFETY: fallocate touches no memory of ours.
        let done = unsafe {
            libc::syscall(
                libc::SYS_fallocate,
                descriptor,
                0,
                at as libc::off_t,
                size as libc::off_t,
            )
        };
        match if done == 0 { 0 } else { errno() } {
            0 => return Ok(()),
            libc::EINTR => {}
            error => return Err(NoRoom::Refused(error)),
        }
    }
}

/// Writes all bytes at a place of a file.
pub(crate) fn write_at(descriptor: i32, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        // SAFETY: the slice is readable for its size.
        let count = unsafe {
            libc::pwrite(descriptor, bytes.as_ptr().cast(), bytes.len(), at as libc::off_t)
        };
        match usize::try_from(count) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                at += count as u64;
            }
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return Err(last_error()),
        }
    }
    Ok(())
}

/// Sleeps until the word is no longer `value`, somebody wakes it, or the time
/// is over.
pub(crate) fn wait_while(word: &AtomicU32, value: u32, time_ns: i64) {
    let time = libc::timespec { tv_sec: time_ns / 1_000_000_000, tv_nsec: time_ns % 1_000_000_000 };
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: word and time are valid for the length of the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, &time) };
}

/// Changes the word and wakes whoever waits on it.
pub(crate) fn wake_all(word: &AtomicU32) {
    word.fetch_add(1, Ordering::Release);
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word is valid for the length of the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, i32::MAX) };
}

/// Starts a thread that blocks every signal, without Rust's thread machinery
/// (which allocates). False where the system refuses.
pub(crate) fn start_thread(main: extern "C" fn(*mut c_void) -> *mut c_void) -> bool {
    // SAFETY: all zeros is a valid sigset_t.
    let mut all: libc::sigset_t = unsafe { core::mem::zeroed() };
    let mut before = all;
    let mut thread: libc::pthread_t = 0;
    // SAFETY: the set is writable.
    unsafe { libc::sigfillset(&mut all) };
    // SAFETY: both sets are valid.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before) };
    // SAFETY: the thread's function takes no argument that could dangle.
    let refused = unsafe { libc::pthread_create(&mut thread, ptr::null(), main, ptr::null_mut()) };
    // SAFETY: the set was filled in by the call before.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()) };
    if refused == 0 {
        // SAFETY: the thread was just made and nobody joins it.
        unsafe { libc::pthread_detach(thread) };
    }
    refused == 0
}

/// Names the calling thread.
pub(crate) fn name_thread(name: &CStr) {
    // SAFETY: PR_SET_NAME reads a C string.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// Has `hook` run when a thread that called [`arm_thread_exit`] ends. `None`
/// where the system has no key left.
pub(crate) fn create_exit_key(hook: unsafe extern "C" fn(*mut c_void)) -> Option<u32> {
    let mut key = 0;
    // SAFETY: the key is writable; the hook stays valid (it is a function).
    let refused = unsafe { libc::pthread_key_create(&mut key, Some(hook)) };
    (refused == 0).then_some(key)
}

/// Has the exit hook run for the calling thread.
pub(crate) fn arm_thread_exit(key: u32) {
    // SAFETY: the key came from create_exit_key; the value is only a flag.
    unsafe { libc::pthread_setspecific(key, ptr::without_provenance(1)) };
}

/// Has `hook` run when the process exits.
pub(crate) fn at_exit(hook: extern "C" fn()) {
    // SAFETY: the hook is a function and stays valid.
    unsafe { libc::atexit(hook) };
}

/// Has `prepare` run before each fork and `parent` after it, in the parent.
pub(crate) fn at_fork(prepare: unsafe extern "C" fn(), parent: unsafe extern "C" fn()) {
    unsafe extern "C" {
        fn pthread_atfork(
            prepare: Option<unsafe extern "C" fn()>,
            parent: Option<unsafe extern "C" fn()>,
            child: Option<unsafe extern "C" fn()>,
        ) -> i32;
    }
    // SAFETY: the hooks are functions and stay valid.
    unsafe { pthread_atfork(Some(prepare), Some(parent), None) };
}

/// The host's name, NUL-padded.
pub(crate) fn host_name() -> [u8; 64] {
    let mut name = [0; 64];
    // SAFETY: the buffer is writable for its size.
    unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) };
    name
}
