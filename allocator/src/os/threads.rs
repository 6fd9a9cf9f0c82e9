//! Threads: who runs, who waits, who ends.

use core::ffi::{CStr, c_void};
use core::ops::Range;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

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

/// Names the calling thread.
pub(crate) fn name_thread(name: &CStr) {
    // SAFETY: PR_SET_NAME reads a C string.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
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
    // SAFETY: zeros may be overwritten.
    let mut thread: libc::pthread_t = unsafe { core::mem::zeroed() };
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

/// The lowest address of the stack that a thread may write to, above its guard;
/// `None` where `address`, which is on the stack in use, is not on one that the
/// system knows: a coroutine's.
pub(crate) fn stack_limit(address: usize) -> Option<usize> {
    // A stack for signals may lie within the thread's own.
    signal_stack_limit(address).or_else(|| own_stack_limit(address))
}

fn signal_stack_limit(address: usize) -> Option<usize> {
    let stack = ask_for_signal_stack()?;
    let start = stack.ss_sp as usize;
    let holds = (start..start + stack.ss_size).contains(&address);
    (stack.ss_flags & libc::SS_ONSTACK != 0 && holds).then_some(start)
}

/// Where the calling thread's stack for signals lies; `None` where it has none.
pub(crate) fn signal_stack() -> Option<Range<usize>> {
    let stack = ask_for_signal_stack().filter(|stack| stack.ss_flags & libc::SS_DISABLE == 0)?;
    let start = stack.ss_sp as usize;
    Some(start..start + stack.ss_size)
}

fn ask_for_signal_stack() -> Option<libc::stack_t> {
    // SAFETY: all zeros is a valid stack_t.
    let mut stack: libc::stack_t = unsafe { core::mem::zeroed() };
    // SAFETY: nothing is set, and the answer's place is writable.
    let refused = unsafe { libc::sigaltstack(ptr::null(), &mut stack) };
    (refused == 0).then_some(stack)
}

fn own_stack_limit(address: usize) -> Option<usize> {
    // SAFETY: all zeros may be overwritten.
    let mut attributes: libc::pthread_attr_t = unsafe { core::mem::zeroed() };
    // SAFETY: pthread_self has no preconditions.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: the thread lives, and the attributes are writable.
    if unsafe { libc::pthread_getattr_np(thread, &mut attributes) } != 0 {
        return None;
    }
    let (mut start, mut size, mut guard) = (ptr::null_mut(), 0, 0);
    // SAFETY: the attributes were filled in, and both places are writable.
    let refused = unsafe { libc::pthread_attr_getstack(&attributes, &mut start, &mut size) };
    // SAFETY: as above.
    let no_guard = unsafe { libc::pthread_attr_getguardsize(&attributes, &mut guard) };
    // SAFETY: nobody uses them any more.
    unsafe { libc::pthread_attr_destroy(&mut attributes) };
    if refused != 0 || no_guard != 0 {
        return None;
    }
    let (start, end) = (start as usize, start as usize + size);
    // Whether the guard counts in the stack's size depends on the C library.
    let limit = start + guard;
    (limit..end).contains(&address).then_some(limit)
}
