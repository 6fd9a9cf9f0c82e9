//! Stacks of threads that have ended: the C library keeps them for the next
//! thread, with what stood in them. No allocator reaches them, so whoever looks
//! for freed blocks must know them.
#![expect(unsafe_code, reason = "asks the C library where a stack is")]

use std::ptr;
use std::sync::Mutex;

static NOTED: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// Start and size of the calling thread's stack, its thread-locals included.
fn mine() -> (usize, usize) {
    // SAFETY: zeros may be overwritten.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: it has no conditions.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: the thread lives, the place can be written.
    let refused = unsafe { libc::pthread_getattr_np(thread, &mut attributes) };
    assert_eq!(refused, 0, "a thread's attributes can be had");
    let (mut start, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the attributes were filled in, the places can be written.
    let refused = unsafe { libc::pthread_attr_getstack(&attributes, &mut start, &mut size) };
    assert_eq!(refused, 0, "a thread has a stack");
    // SAFETY: the attributes were filled in, and nobody uses them any more.
    unsafe { libc::pthread_attr_destroy(&mut attributes) };
    (start as usize, size)
}

/// Has the thread that runs `work` note its stack first.
pub fn noted<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    move || {
        NOTED.lock().expect("nobody panics here").push(mine());
        work()
    }
}

/// Start and size of all stacks that were noted.
pub fn all() -> Vec<(usize, usize)> {
    NOTED.lock().expect("nobody panics here").clone()
}
