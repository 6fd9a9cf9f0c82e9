//! Memory that is kept from others: secret, locked, in no core file, not in
//! forked children, guarded; and the signal of who touches it.

use core::ffi::c_void;
use core::mem::zeroed;
use core::ptr;
use core::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use super::files::close;
use super::process::errno;

/// What may be done with pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading; a write is a fault.
    Read,
    /// All.
    Write,
}

impl Access {
    fn bits(self) -> i32 {
        match self {
            Self::Read => libc::PROT_READ,
            Self::Write => libc::PROT_READ | libc::PROT_WRITE,
        }
    }
}

/// Why there is no secret memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSecret {
    /// The kernel has none, or no descriptor for it.
    Missing(i32),
    /// It is locked memory, and the limit is exhausted.
    LockLimit,
    /// It could not be mapped.
    Refused(i32),
}

/// Maps secret memory: pages that are in no other map, the kernel's own
/// included. Nobody may touch them before [`protect`].
///
/// A descriptor for each mapping, closed at once: pages of secret memory go
/// back only with the last reference to their file, since it knows no holes.
/// Not laid over reserved addresses: where the limit forbids the mapping, the
/// kernel would have removed what stood there, and left a hole to anybody.
pub(crate) fn map_secret(size: usize) -> Result<*mut u8, NoSecret> {
    /// The same number on every architecture that has the call.
    const MEMFD_SECRET: libc::c_long = 447;
    // SAFETY: memfd_secret has no preconditions.
    let descriptor = unsafe { libc::syscall(MEMFD_SECRET, libc::O_CLOEXEC) };
    let Ok(descriptor @ 0..) = i32::try_from(descriptor) else {
        return Err(NoSecret::Missing(errno()));
    };
    // SAFETY: the descriptor is ours; its size can be set once.
    let sized = unsafe { libc::ftruncate(descriptor, size as libc::off_t) };
    if sized != 0 {
        let error = errno();
        close(descriptor);
        return Err(NoSecret::Refused(error));
    }
    // SAFETY: no address is asked for, so nothing that exists is touched.
    let mapped = unsafe {
        libc::mmap(ptr::null_mut(), size, libc::PROT_NONE, libc::MAP_SHARED, descriptor, 0)
    };
    let error = errno();
    close(descriptor);
    match (mapped != libc::MAP_FAILED, error) {
        (true, _) => Ok(mapped.cast()),
        (false, libc::EAGAIN) => Err(NoSecret::LockLimit),
        (false, error) => Err(NoSecret::Refused(error)),
    }
}

/// Says what may be done with pages.
///
/// # Safety
/// The range is the caller's, and nobody uses it in a way that ends here.
pub(crate) unsafe fn protect(address: *mut u8, size: usize, access: Access) -> Result<(), i32> {
    // SAFETY: the caller owns the range.
    let done = unsafe { libc::mprotect(address.cast(), size, access.bits()) };
    if done == 0 { Ok(()) } else { Err(errno()) }
}

/// Keeps pages from being swapped out, each from its first touch on.
pub(crate) fn lock_pages(address: *mut u8, size: usize) -> Result<(), i32> {
    const MLOCK_ONFAULT: libc::c_uint = 1;
    // SAFETY: locking changes no content.
    if unsafe { libc::syscall(libc::SYS_mlock2, address, size, MLOCK_ONFAULT) } == 0 {
        return Ok(());
    }
    match errno() {
        // Before 4.4; the pages are faulted in then.
        // SAFETY: as above.
        libc::ENOSYS if unsafe { libc::mlock(address.cast(), size) } == 0 => Ok(()),
        libc::ENOSYS => Err(errno()),
        error => Err(error),
    }
}

/// The limit of locked memory in bytes; `None` where it does not bind.
pub(crate) fn lock_limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is writable.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) } == 0;
    (known && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// Keeps pages out of core files.
pub(crate) fn keep_from_dumps(address: *mut u8, size: usize) -> Result<(), i32> {
    advise(address, size, libc::MADV_DONTDUMP)
}

/// Keeps pages from forked children, which find a hole there.
pub(crate) fn keep_from_children(address: *mut u8, size: usize) -> Result<(), i32> {
    advise(address, size, libc::MADV_DONTFORK)
}

fn advise(address: *mut u8, size: usize, advice: i32) -> Result<(), i32> {
    // SAFETY: neither advice changes anything in this process.
    let done = unsafe { libc::madvise(address.cast(), size, advice) };
    if done == 0 { Ok(()) } else { Err(errno()) }
}

/// What runs when a thread touches what it may not.
pub(crate) type FaultHandler = extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void);

/// Who was asked before: its address and flags.
static PREVIOUS: AtomicUsize = AtomicUsize::new(libc::SIG_DFL);
static PREVIOUS_FLAGS: AtomicI32 = AtomicI32::new(0);

/// Has a handler run at every fault, on the thread's signal stack where it has
/// one. To be called once; the handler ends with [`hand_fault_on`].
pub(crate) fn on_fault(handler: FaultHandler) -> Result<(), i32> {
    // SAFETY: all zeros is a valid sigaction.
    let mut previous: libc::sigaction = unsafe { zeroed() };
    // SAFETY: the structure is writable, and nothing is changed.
    if unsafe { libc::sigaction(libc::SIGSEGV, ptr::null(), &mut previous) } != 0 {
        return Err(errno());
    }
    // Before the handler can run.
    PREVIOUS.store(previous.sa_sigaction, Ordering::Relaxed);
    PREVIOUS_FLAGS.store(previous.sa_flags, Ordering::Release);
    let mut action = previous;
    action.sa_sigaction = handler as usize;
    action.sa_flags = previous.sa_flags & libc::SA_NODEFER | libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the handler has the signature that SA_SIGINFO asks for.
    let done = unsafe { libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut()) };
    if done == 0 { Ok(()) } else { Err(errno()) }
}

/// Where a fault was; `None` where somebody sent the signal.
///
/// # Safety
/// The information is a signal handler's argument.
pub(crate) unsafe fn fault_address(information: *mut libc::siginfo_t) -> Option<usize> {
    // SAFETY: the kernel's structure, by the caller's promise.
    let information = unsafe { &*information };
    // SAFETY: the field holds for every fault.
    let address = unsafe { information.si_addr() };
    (information.si_code > 0).then_some(address as usize)
}

/// Lets a fault take its course: whoever was asked before is asked, else it
/// strikes once more and ends the process.
///
/// # Safety
/// The arguments are those of a signal handler that returns behind this.
pub(crate) unsafe fn hand_fault_on(
    signal: i32,
    information: *mut libc::siginfo_t,
    context: *mut c_void,
) {
    let flags = PREVIOUS_FLAGS.load(Ordering::Acquire);
    let previous = PREVIOUS.load(Ordering::Relaxed);
    if previous == libc::SIG_DFL || previous == libc::SIG_IGN {
        // SAFETY: all zeros is a valid sigaction: the default.
        let default: libc::sigaction = unsafe { zeroed() };
        // SAFETY: the structure is valid.
        unsafe { libc::sigaction(signal, &default, ptr::null_mut()) };
        // SAFETY: the caller's promise is passed on.
        if unsafe { fault_address(information) }.is_none() {
            // A signal that was sent does not come again by itself.
            // SAFETY: raise has no preconditions.
            unsafe { libc::raise(signal) };
        }
    } else if flags & libc::SA_SIGINFO != 0 {
        // SAFETY: a handler with this flag has this signature.
        let previous: FaultHandler = unsafe { core::mem::transmute(previous) };
        previous(signal, information, context);
    } else {
        // SAFETY: a handler without the flag has this signature.
        let previous: extern "C" fn(i32) = unsafe { core::mem::transmute(previous) };
        previous(signal);
    }
}
