//! A signal of our own, by which threads are asked to stand still.

use core::ffi::c_void;
use core::mem::zeroed;
use core::ptr;

use super::process::{errno, process_id};

/// What a thread runs that is asked to.
pub(crate) type StopHandler = extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void);

/// What the kernel is given of a signal with a value.
#[repr(C)]
struct Information {
    signal: i32,
    error: i32,
    code: i32,
    padding: i32,
    process: i32,
    user: u32,
    value: u64,
    rest: [u64; 12],
}

const _: () = assert!(size_of::<Information>() == size_of::<libc::siginfo_t>());

/// Finds a real-time signal that nobody uses, from the highest down, and has
/// the handler run at it, with every other signal blocked: the program's own
/// handlers must not run while it stands still. `None` where all are in use.
pub(crate) fn take_signal(handler: StopHandler) -> Option<i32> {
    let signal = (libc::SIGRTMIN()..=libc::SIGRTMAX())
        .rev()
        .find(|&signal| handler_of(signal) == Some(libc::SIG_DFL))?;
    // SAFETY: all zeros is a valid sigaction.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_RESTART | libc::SA_SIGINFO | libc::SA_ONSTACK;
    // The C library's two as well, unlike `sigfillset`: by that it is told apart
    // from a program that blocks the signal for good (`TaskState`).
    // SAFETY: a set is bits.
    unsafe { (&raw mut action.sa_mask).write_bytes(0xff, 1) };
    // SAFETY: the handler has the signature that SA_SIGINFO asks for.
    let done = unsafe { libc::sigaction(signal, &action, ptr::null_mut()) };
    (done == 0).then_some(signal)
}

/// Whether the handler still runs at the signal.
pub(crate) fn has_signal(signal: i32, handler: StopHandler) -> bool {
    handler_of(signal) == Some(handler as usize)
}

fn handler_of(signal: i32) -> Option<usize> {
    // SAFETY: all zeros is a valid sigaction.
    let mut action: libc::sigaction = unsafe { zeroed() };
    // SAFETY: the structure is writable, and nothing is changed.
    let done = unsafe { libc::sigaction(signal, ptr::null(), &mut action) };
    (done == 0).then_some(action.sa_sigaction)
}

/// Sends a signal with a value to a thread of this process; the error's number
/// where that fails.
pub(crate) fn queue_signal(thread: u32, signal: i32, value: u64) -> Result<(), i32> {
    const SI_QUEUE: i32 = -1;
    let process = process_id();
    let information = Information {
        signal,
        error: 0,
        code: SI_QUEUE,
        padding: 0,
        process: process as i32,
        // SAFETY: getuid has no preconditions.
        user: unsafe { libc::getuid() },
        value,
        rest: [0; 12],
    };
    // SAFETY: the kernel reads the structure, which has the size it expects.
    let done = unsafe {
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, &raw const information)
    };
    if done == 0 { Ok(()) } else { Err(errno()) }
}

/// The value that a signal came with; `None` where another process sent it.
///
/// # Safety
/// The information is a signal handler's argument.
pub(crate) unsafe fn signal_value(information: *const libc::siginfo_t) -> Option<u64> {
    // SAFETY: the kernel's structure, by the caller's promise, laid out so.
    let information = unsafe { &*information.cast::<Information>() };
    let is_own = information.code < 0 && information.process == process_id() as i32;
    is_own.then_some(information.value)
}

/// Lets a signal in that the calling thread has blocked.
pub(crate) fn let_signal_in(signal: i32) {
    // SAFETY: all zeros is a valid sigset_t.
    let mut set: libc::sigset_t = unsafe { zeroed() };
    // SAFETY: the set is writable.
    unsafe { libc::sigaddset(&mut set, signal) };
    // SAFETY: the set is valid, and the one before is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, ptr::null_mut()) };
}
