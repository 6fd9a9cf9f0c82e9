//! The C library's functions, and blocks that they give.
#![expect(unsafe_code, reason = "calls the C library")]

use std::ffi::{CStr, c_void};
use std::hint::black_box;
use std::ptr::{self, NonNull};

use scrubjay::Report;
use scrubjay_tests::figures::Figures;

/// The tag of C blocks.
pub const TAG: &str = "c-heap";

/// How a block is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    Malloc,
    Calloc,
    AlignedAlloc(usize),
    PosixMemalign(usize),
    Memalign(usize),
    Valloc,
    Pvalloc,
    /// Behind scrubjay's back: a block without a trailer.
    Real,
}

// These have no preconditions.
unsafe extern "C" {
    safe fn malloc(size: usize) -> *mut c_void;
    safe fn calloc(count: usize, size: usize) -> *mut c_void;
    safe fn aligned_alloc(align: usize, size: usize) -> *mut c_void;
    safe fn memalign(align: usize, size: usize) -> *mut c_void;
    safe fn valloc(size: usize) -> *mut c_void;
    safe fn pvalloc(size: usize) -> *mut c_void;
    safe fn __libc_malloc(size: usize) -> *mut c_void;
    safe fn __errno_location() -> *mut i32;
}

/// A block of C's, freed when it goes.
pub struct Block(NonNull<u8>);

// SAFETY: a block is its owner's alone, wherever that is.
unsafe impl Send for Block {}

impl Block {
    /// `size` bytes by `malloc`, which must be had.
    pub fn new(size: usize) -> Self {
        Self::by(Ask::Malloc, size).expect("memory")
    }

    /// `size` bytes, or what `errno` says.
    pub fn by(ask: Ask, size: usize) -> Result<Self, i32> {
        set_errno(0);
        let size = black_box(size);
        let place = match ask {
            Ask::Malloc => malloc(size),
            Ask::Calloc => calloc(1, size),
            Ask::AlignedAlloc(align) => aligned_alloc(align, size),
            Ask::Memalign(align) => memalign(align, size),
            Ask::Valloc => valloc(size),
            Ask::Pvalloc => pvalloc(size),
            Ask::Real => __libc_malloc(size),
            Ask::PosixMemalign(align) => {
                let mut place = ptr::null_mut();
                // SAFETY: the place can be written.
                match unsafe { libc::posix_memalign(&mut place, align, size) } {
                    0 => place,
                    error => return Err(error),
                }
            }
        };
        // The compiler may leave out what nobody sees.
        match NonNull::new(black_box(place)) {
            Some(place) => Ok(Self(place.cast())),
            None => Err(errno()),
        }
    }

    /// `count * size` bytes of zeros.
    pub fn zeros(count: usize, size: usize) -> Result<Self, i32> {
        set_errno(0);
        let place = calloc(black_box(count), size);
        NonNull::new(black_box(place)).map(|place| Self(place.cast())).ok_or_else(errno)
    }

    /// The block at an address that C code, or another owner, has left.
    ///
    /// # Safety
    /// There is such a block, and nobody else frees it.
    pub unsafe fn of(place: *mut c_void) -> Self {
        Self(NonNull::new(black_box(place)).expect("a block").cast())
    }

    /// Leaves the block to whoever knows the address.
    pub fn leave(self) -> *mut c_void {
        let place = self.0.as_ptr().cast();
        std::mem::forget(self);
        place
    }

    pub fn address(&self) -> usize {
        self.0.addr().get()
    }

    /// What `malloc_usable_size` says.
    pub fn size(&self) -> usize {
        // SAFETY: the block is live.
        unsafe { libc::malloc_usable_size(self.0.as_ptr().cast()) }
    }

    /// All bytes that may be written.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the block has so many bytes, and they are this value's alone.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_ptr(), self.size()) }
    }

    /// Bytes beyond those that may be written.
    ///
    /// # Safety
    /// None is given: this is what a faulty program does.
    pub unsafe fn bytes_behind(&mut self, count: usize) -> &mut [u8] {
        // SAFETY: scrubjay's trailer lies there.
        let place = unsafe { self.0.as_ptr().add(self.size()) };
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(place, count) }
    }

    /// `realloc`; false, and nothing changed, where it is refused.
    pub fn resize(&mut self, size: usize) -> bool {
        assert!(size > 0, "that would be a free");
        set_errno(0);
        // SAFETY: the block is live.
        let place = unsafe { libc::realloc(self.0.as_ptr().cast(), black_box(size)) };
        match NonNull::new(black_box(place)) {
            Some(place) => self.0 = place.cast(),
            None => assert_eq!(errno(), libc::ENOMEM),
        }
        !place.is_null()
    }

    /// `reallocarray`.
    pub fn resize_array(&mut self, count: usize, size: usize) -> bool {
        // SAFETY: the block is live.
        let place = unsafe { libc::reallocarray(self.0.as_ptr().cast(), count, size) };
        if let Some(place) = NonNull::new(black_box(place)) {
            self.0 = place.cast();
        }
        !place.is_null()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the block is live, and this value its owner.
        unsafe { libc::free(black_box(self.0.as_ptr().cast())) };
    }
}

pub fn errno() -> i32 {
    // SAFETY: the C library promises a valid pointer.
    unsafe { *__errno_location() }
}

pub fn set_errno(number: i32) {
    // SAFETY: as above.
    unsafe { *__errno_location() = number };
}

/// A loaded library's function; `None` where there is no such library here.
pub fn function(library: &CStr, name: &CStr) -> Option<NonNull<c_void>> {
    // SAFETY: the library's constructors are those of a library that programs
    // load every day.
    let library = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW) };
    if library.is_null() {
        return None;
    }
    // SAFETY: the handle is open.
    NonNull::new(unsafe { libc::dlsym(library, name.as_ptr()) })
}

/// What is counted under the tag of C blocks.
pub fn figures() -> Figures {
    let report = Report::now();
    let stats = report.tag(TAG).expect("the tag is there from the start");
    Figures {
        allocated_bytes: stats.allocated_bytes,
        allocated_blocks: stats.allocated_blocks,
        freed_bytes: stats.freed_bytes,
        freed_blocks: stats.freed_blocks,
        failed_count: stats.failed_count,
        failed_bytes: 0,
        realloc_in_place: stats.realloc_in_place_count,
        realloc_moved: stats.realloc_moved_count,
        kept_bytes: stats.copied_bytes + stats.carried_bytes,
    }
}

/// What `then` adds to the figures.
pub fn counted(then: impl FnOnce()) -> Figures {
    let before = figures().numbers();
    then();
    let after = figures().numbers();
    Figures::of(std::array::from_fn(|index| after[index].wrapping_sub(before[index])))
}
