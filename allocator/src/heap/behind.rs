//! The functions under glibc's second names. The usual ones are taken.

use core::cell::Cell;
use core::ffi::{CStr, c_void};
use core::mem::transmute;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

mod real {
    use core::ffi::c_void;

    unsafe extern "C" {
        #[link_name = "__libc_malloc"]
        pub(super) fn malloc(size: usize) -> *mut c_void;
        #[link_name = "__libc_calloc"]
        pub(super) fn calloc(count: usize, size: usize) -> *mut c_void;
        #[link_name = "__libc_realloc"]
        pub(super) fn realloc(block: *mut c_void, size: usize) -> *mut c_void;
        #[link_name = "__libc_memalign"]
        pub(super) fn memalign(align: usize, size: usize) -> *mut c_void;
        #[link_name = "__libc_free"]
        pub(super) fn free(block: *mut c_void);
    }
}

/// `size` bytes, or null.
#[inline(always)]
pub(crate) fn malloc(size: usize) -> *mut u8 {
    // SAFETY: malloc has no preconditions.
    unsafe { real::malloc(size) }.cast()
}

/// `size` bytes of zeros, or null.
#[inline(always)]
pub(crate) fn zeroed(size: usize) -> *mut u8 {
    // SAFETY: calloc has no preconditions.
    unsafe { real::calloc(size, 1) }.cast()
}

/// `size` bytes at a multiple of `align`, or null.
#[inline(always)]
pub(crate) fn aligned(align: usize, size: usize) -> *mut u8 {
    // SAFETY: memalign has no preconditions.
    unsafe { real::memalign(align, size) }.cast()
}

/// Resizes a block, in place or by moving it. On null it stays as it is.
///
/// # Safety
/// The block is live and came from here.
#[inline(always)]
pub(crate) unsafe fn realloc(block: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { real::realloc(block.cast::<c_void>(), size) }.cast()
}

/// Releases a block.
///
/// # Safety
/// The block came from here, and its owner gives it up.
#[inline(always)]
pub(crate) unsafe fn free(block: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { real::free(block.cast::<c_void>()) };
}

/// How many bytes a block really has; 0 while that cannot be known, before
/// [`set_ruler`].
///
/// # Safety
/// The block came from here. If it is not live any more this reads the heap's
/// own words in front of it, which free would read, too.
#[inline(always)]
pub(crate) unsafe fn usable_size(block: *mut u8) -> usize {
    match ruler() {
        // SAFETY: the caller's promise.
        Some(ruler) => unsafe { ruler.usable_size(block) },
        None => 0,
    }
}

type UsableSize = unsafe extern "C" fn(*mut c_void) -> usize;

/// The C library's `malloc_usable_size`, which has no second name.
#[derive(Clone, Copy)]
pub(crate) struct Ruler(UsableSize);

/// Null or a [`UsableSize`].
static RULER: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

impl Ruler {
    /// Asks the loader, which may allocate meanwhile. `None` where another
    /// allocator is loaded in front of the C library: what it thinks of a
    /// block's size is worth nothing here.
    pub(crate) fn find() -> Option<Self> {
        let own = next(c"__libc_malloc");
        let found = next(c"malloc_usable_size");
        if own.is_null() || own != next(c"malloc") || found.is_null() {
            return None;
        }
        // SAFETY: the C library's function of this name has this type.
        Some(Self(unsafe { transmute::<*mut c_void, UsableSize>(found) }))
    }

    /// How many bytes a block really has; 0 where glibc sees that it is free.
    ///
    /// # Safety
    /// As for [`usable_size`].
    #[inline(always)]
    pub(crate) unsafe fn usable_size(self, block: *mut u8) -> usize {
        // SAFETY: the caller's promise.
        unsafe { (self.0)(block.cast::<c_void>()) }
    }
}

/// The function of a name that comes next behind the program's own.
fn next(name: &CStr) -> *mut c_void {
    // SAFETY: the name is a C string.
    unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) }
}

/// The ruler, once there is one: from then on C blocks have trailers.
#[inline(always)]
pub(crate) fn ruler() -> Option<Ruler> {
    let function = RULER.load(Ordering::Relaxed);
    if function.is_null() {
        return None;
    }
    // SAFETY: what `set_ruler` stored has this type.
    Some(Ruler(unsafe { transmute::<*mut c_void, UsableSize>(function) }))
}

/// Puts the ruler in force.
pub(crate) fn set_ruler(ruler: Ruler) {
    RULER.store(ruler.0 as *mut c_void, Ordering::Release);
}

thread_local! {
    static IS_WRAPPED: Cell<bool> = const { Cell::new(false) };
}

/// Runs what calls a wrapped allocator. What that asks of `malloc` is part of
/// Rust's blocks, and gets no trailer of its own.
#[inline(always)]
pub(crate) fn wrapped<T>(then: impl FnOnce() -> T) -> T {
    let before = IS_WRAPPED.replace(true);
    let answer = then();
    IS_WRAPPED.set(before);
    answer
}

/// Whether the thread is in a wrapped allocator.
#[inline(always)]
pub(crate) fn is_wrapped() -> bool {
    IS_WRAPPED.get()
}

/// Has whoever stands before the C library get ready now, by a `free` that
/// frees nothing.
pub(crate) fn knock() {
    // The compiler would leave the call out if it saw what is freed.
    let nothing = core::hint::black_box(ptr::null_mut());
    // SAFETY: null may always be freed.
    unsafe { libc::free(nothing) };
}
