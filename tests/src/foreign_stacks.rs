//! Code on stacks that are not a thread's own: one for signals, a coroutine's.
#![expect(unsafe_code, reason = "switches stacks")]

use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How large both are, in bytes.
pub const SIZE: usize = 128 << 10;

static WORK: AtomicUsize = AtomicUsize::new(0);
static ANSWER: AtomicUsize = AtomicUsize::new(0);

fn run() {
    // SAFETY: the two functions below put a function of this type there.
    let work: fn() -> usize = unsafe { mem::transmute(WORK.load(Ordering::SeqCst)) };
    ANSWER.store(work(), Ordering::SeqCst);
}

extern "C" fn handle(_: i32) {
    run();
}

extern "C" fn start() {
    run();
}

/// Runs `work` in a handler, on a stack for signals. One at a time.
pub fn on_signal_stack(work: fn() -> usize) -> usize {
    WORK.store(work as usize, Ordering::SeqCst);
    let mut memory = vec![0_u8; SIZE];
    let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIZE };
    // SAFETY: zeros are a valid stack_t.
    let mut before: libc::stack_t = unsafe { mem::zeroed() };
    // SAFETY: the memory lives until it is given up below.
    assert_eq!(unsafe { libc::sigaltstack(&stack, &mut before) }, 0);
    // SAFETY: zeros are a valid sigaction.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handle as extern "C" fn(i32) as usize;
    action.sa_flags = libc::SA_ONSTACK;
    // SAFETY: the handler does nothing that the signal could interrupt: it is
    // raised below.
    assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()) }, 0);
    // SAFETY: there is a handler.
    unsafe { libc::raise(libc::SIGUSR1) };
    // SAFETY: what was set before is valid still.
    assert_eq!(unsafe { libc::sigaltstack(&before, ptr::null_mut()) }, 0);
    ANSWER.load(Ordering::SeqCst)
}

/// Runs `work` on a coroutine's stack. One at a time.
pub fn on_coroutine(work: fn() -> usize) -> usize {
    WORK.store(work as usize, Ordering::SeqCst);
    let mut memory = vec![0_u8; SIZE];
    // SAFETY: zeros may be overwritten.
    let mut back: libc::ucontext_t = unsafe { mem::zeroed() };
    // SAFETY: as above.
    let mut there: libc::ucontext_t = unsafe { mem::zeroed() };
    // SAFETY: the place is writable.
    assert_eq!(unsafe { libc::getcontext(&mut there) }, 0);
    there.uc_stack.ss_sp = memory.as_mut_ptr().cast();
    there.uc_stack.ss_size = SIZE;
    there.uc_link = &raw mut back;
    // SAFETY: the context was got just now and has a stack; the function takes
    // no arguments.
    unsafe { libc::makecontext(&mut there, start, 0) };
    // SAFETY: both contexts live until the coroutine has come back.
    assert_eq!(unsafe { libc::swapcontext(&mut back, &there) }, 0);
    drop(memory);
    ANSWER.load(Ordering::SeqCst)
}
