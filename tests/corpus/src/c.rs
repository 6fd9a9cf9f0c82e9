//! Calls of C that the cases share: its heap, mapped memory, thread keys.
#![expect(unsafe_code, reason = "calls C")]

use std::ffi::c_void;
use std::ptr;

/// A value in a block of C's heap, for good unless [`free`] gets it.
pub(crate) fn malloc<T: Copy>(value: T) -> *mut T {
    // SAFETY: any size may be asked for.
    let block: *mut T = unsafe { libc::malloc(size_of::<T>()) }.cast();
    assert!(!block.is_null(), "there is memory");
    // SAFETY: the block is new, and of this size.
    unsafe { block.write(value) };
    block
}

/// Gives a block of [`malloc`] back, and answers what was in it.
///
/// # Safety
/// The block is from `malloc`, of this type, and nobody uses it any more.
pub(crate) unsafe fn free<T: Copy>(block: *mut T) -> T {
    // SAFETY: as the caller says.
    let value = unsafe { block.read() };
    // SAFETY: as the caller says.
    unsafe { libc::free(block.cast()) };
    value
}

/// How much [`map`] maps.
const MAPPED: usize = 64 << 10;
/// Words in what [`map`] maps.
pub(crate) const WORDS: usize = MAPPED / size_of::<usize>();

/// Maps fresh memory: words of zeros.
pub(crate) fn map() -> *mut *mut c_void {
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, where the kernel likes.
    let mapped = unsafe { libc::mmap(ptr::null_mut(), MAPPED, access, kind, -1, 0) };
    assert!(mapped != libc::MAP_FAILED, "there is memory");
    mapped.cast()
}

/// Unmaps what [`map`] has mapped.
///
/// # Safety
/// It is from `map`, and nobody uses it any more.
pub(crate) unsafe fn unmap(words: *mut *mut c_void) {
    // SAFETY: as the caller says.
    let refused = unsafe { libc::munmap(words.cast(), MAPPED) };
    assert_eq!(refused, 0, "what is mapped can be unmapped");
}

/// A pthread key, with a destructor or without.
pub(crate) struct Key(libc::pthread_key_t);

impl Key {
    /// A new key.
    pub(crate) fn new(destructor: Option<unsafe extern "C" fn(*mut c_void)>) -> Self {
        let mut key = 0;
        // SAFETY: the key can be written, and functions stay.
        let refused = unsafe { libc::pthread_key_create(&mut key, destructor) };
        assert_eq!(refused, 0, "a key can be had");
        Self(key)
    }

    /// The calling thread's value.
    pub(crate) fn get(&self) -> *mut c_void {
        // SAFETY: the key is there.
        unsafe { libc::pthread_getspecific(self.0) }
    }

    /// Sets the calling thread's value.
    pub(crate) fn set(&self, value: *mut c_void) {
        // SAFETY: the key is there.
        let refused = unsafe { libc::pthread_setspecific(self.0, value) };
        assert_eq!(refused, 0, "a value can be set");
    }
}
