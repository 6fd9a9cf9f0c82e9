//! What the C library says of its heap, and what it gives back. glibc alone does.

/// The C library's heap, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Handed out of its arenas, or kept by threads for themselves; its own overhead
    /// included.
    pub(crate) used: u64,
    /// Handed out in mappings for single blocks, touched or not.
    pub(crate) mapped: u64,
    /// Free, touched or not.
    pub(crate) free: u64,
}

/// Asks the C library. Waits for each of its arenas, whose threads wait meanwhile,
/// and counts their free blocks: not within an allocation, nor in a signal's
/// handler. `None` before glibc 2.33, and with others.
#[cfg(target_env = "gnu")]
pub(crate) fn told() -> Option<Told> {
    let function = function();
    if function.is_null() {
        return None;
    }
    // SAFETY: the C library's function of this name has this type.
    let ask = unsafe {
        core::mem::transmute::<*mut core::ffi::c_void, extern "C" fn() -> libc::mallinfo2>(function)
    };
    let told = ask();
    let [used, mapped, free] = [told.uordblks, told.hblkhd, told.fordblks].map(|size| size as u64);
    Some(Told { used, mapped, free })
}

/// The C library's function, found once: older ones do not have it.
#[cfg(target_env = "gnu")]
fn function() -> *mut core::ffi::c_void {
    use core::ptr;
    use core::sync::atomic::{AtomicPtr, Ordering};

    static FUNCTION: AtomicPtr<core::ffi::c_void> = AtomicPtr::new(ptr::null_mut());
    let found = FUNCTION.load(Ordering::Relaxed);
    if !found.is_null() {
        return found;
    }
    // SAFETY: the name is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"mallinfo2".as_ptr()) };
    FUNCTION.store(found, Ordering::Relaxed);
    found
}

/// As above, where nobody tells.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn told() -> Option<Told> {
    None
}

/// Has the C library give free pages back to the kernel; whether it gave any. Waits
/// as [`told`] does.
#[cfg(target_env = "gnu")]
pub(crate) fn give_back() -> bool {
    // SAFETY: the call has no preconditions.
    unsafe { libc::malloc_trim(0) == 1 }
}

/// As above: others give back by themselves, or not at all.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back() -> bool {
    false
}

#[cfg(test)]
mod tests {
    #[cfg(target_env = "gnu")]
    #[test]
    fn the_c_library_tells_what_it_handed_out() {
        let Some(before) = super::told() else { return };
        // SAFETY: malloc has no preconditions.
        let block = core::hint::black_box(unsafe { libc::malloc(100 << 20) });
        let after = super::told().unwrap();
        // SAFETY: the block came from malloc.
        unsafe { libc::free(block) };
        assert!(after.mapped >= before.mapped + (99 << 20), "{before:?} {after:?}");
    }
}
