//! `pthread_create`: a thread works for the context of the thread that started
//! it. The executable defines the function, so that std and C libraries call it,
//! and behind it stands the C library's own.

use core::ffi::{c_int, c_void};
use core::mem;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::own;
use crate::thread;

type Start = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;
type Create = unsafe extern "C" fn(
    *mut libc::pthread_t,
    *const libc::pthread_attr_t,
    Start,
    *mut c_void,
) -> c_int;

/// What a new thread is to do, and for whom.
struct Work {
    start: Start,
    argument: *mut c_void,
    owner: u32,
}

/// The C library's own; null until it is looked up.
static CREATE: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Has the linker take this file along, and with it the function.
pub(crate) fn knock() {
    core::hint::black_box(pthread_create as *const ());
}

/// # Safety
/// As for the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    let Some(create) = create() else { return libc::ENOSYS };
    let owner = thread::here(|here| here.owner()).unwrap_or(0);
    if owner == 0 {
        // SAFETY: the caller's promises are passed on.
        return unsafe { create(thread, attributes, start, argument) };
    }
    let work = own::account(|| Box::into_raw(Box::new(Work { start, argument, owner })));
    // SAFETY: as above, and `begin` takes what it is given here.
    let answer = unsafe { create(thread, attributes, begin, work.cast()) };
    if answer != 0 {
        // SAFETY: no thread was started, so nobody else has it.
        drop(unsafe { Box::from_raw(work) });
    }
    answer
}

/// Where a thread begins that somebody started for an owner. Unwinds as the
/// work does: `pthread_exit` and a cancellation run through it.
unsafe extern "C-unwind" fn begin(work: *mut c_void) -> *mut c_void {
    // SAFETY: `pthread_create` made it for this thread alone.
    let work = unsafe { Box::from_raw(work.cast::<Work>()) };
    let Work { start, argument, owner } = *work;
    thread::here(|here| here.set_owner(owner));
    // SAFETY: the caller of `pthread_create` promised it.
    unsafe { start(argument) }
}

fn create() -> Option<Create> {
    let mut known = CREATE.load(Ordering::Acquire);
    if known.is_null() {
        // SAFETY: the name is a C string.
        known = unsafe { libc::dlsym(libc::RTLD_NEXT, c"pthread_create".as_ptr()) };
        CREATE.store(known, Ordering::Release);
    }
    if known.is_null() {
        return None;
    }
    // SAFETY: the C library's function has this type.
    Some(unsafe { mem::transmute::<*mut c_void, Create>(known) })
}
