//! Memory of the search's own: arrays in mappings, which go back with them.

use core::ops::{Deref, DerefMut};
use core::{ptr, slice};

use crate::os;

/// Of which all zero bytes are a value.
///
/// # Safety
/// They are.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: an integer.
unsafe impl Plain for u8 {}
// SAFETY: an integer.
unsafe impl Plain for u32 {}
// SAFETY: an integer.
unsafe impl Plain for usize {}

/// An array in a mapping of its own, zeros at first. Memory is only taken for
/// what is touched.
pub(crate) struct Pages<T: Plain> {
    start: *mut T,
    count: usize,
}

// SAFETY: the mapping is the array's alone, and integers may go anywhere.
unsafe impl<T: Plain + Send> Send for Pages<T> {}

impl<T: Plain> Pages<T> {
    /// `None` where there is no memory.
    pub(crate) fn new(count: usize) -> Option<Self> {
        if count == 0 {
            return Some(Self { start: ptr::dangling_mut(), count });
        }
        let size = count.checked_mul(size_of::<T>())?;
        let start = os::map_private(size);
        (!start.is_null()).then_some(Self { start: start.cast(), count })
    }

    /// Has the kernel lay memory behind the first of the elements now.
    pub(crate) fn populate(&self, count: usize) {
        let size = count.min(self.count) * size_of::<T>();
        os::ask_for_large_pages(self.start.cast(), size);
        // SAFETY: the range is within the array, and zeros are bytes.
        os::populate(unsafe { slice::from_raw_parts(self.start.cast(), size) });
    }
}

impl<T: Plain> Drop for Pages<T> {
    fn drop(&mut self) {
        if self.count > 0 {
            os::unmap(self.start.cast(), self.count * size_of::<T>());
        }
    }
}

impl<T: Plain> Deref for Pages<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the mapping is the array's alone, and was zeros, which are
        // values, or what was written since.
        unsafe { slice::from_raw_parts(self.start, self.count) }
    }
}

impl<T: Plain> DerefMut for Pages<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as for `deref`.
        unsafe { slice::from_raw_parts_mut(self.start, self.count) }
    }
}

/// A list that has room for so many, and no more.
pub(crate) struct List<T: Plain> {
    pages: Pages<T>,
    count: usize,
}

impl<T: Plain> List<T> {
    /// `None` where there is no memory.
    pub(crate) fn new(room: usize) -> Option<Self> {
        Some(Self { pages: Pages::new(room)?, count: 0 })
    }

    /// Has the kernel lay memory behind the first of the elements now.
    pub(crate) fn populate(&self, count: usize) {
        self.pages.populate(count);
    }

    /// False where the list is full.
    #[inline]
    pub(crate) fn push(&mut self, value: T) -> bool {
        let place = self.pages.get_mut(self.count);
        let has_room = place.is_some();
        if let Some(place) = place {
            *place = value;
            self.count += 1;
        }
        has_room
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let last = self.count.checked_sub(1)?;
        self.count = last;
        self.pages.get(last).copied()
    }

    /// Keeps the first ones.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.count = self.count.min(count);
    }

    /// Keeps those for which the answer is true.
    pub(crate) fn retain(&mut self, mut stays: impl FnMut(T) -> bool) {
        let mut kept = 0;
        for at in 0..self.count {
            let Some(&value) = self.pages.get(at) else { break };
            if stays(value)
                && let Some(place) = self.pages.get_mut(kept)
            {
                *place = value;
                kept += 1;
            }
        }
        self.count = kept;
    }
}

impl<T: Plain> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.pages.get(..self.count).unwrap_or(&[])
    }
}

impl<T: Plain> DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.pages.get_mut(..self.count).unwrap_or(&mut [])
    }
}
