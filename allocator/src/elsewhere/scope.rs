//! Scopes: the time in which a tag is active on a thread.

use core::cell::Cell;
use core::marker::PhantomData;

use crate::tag::Tag;

thread_local! {
    /// The thread's tag. Needs no destructor, and so is there until the end.
    static TAG: Cell<u32> = const { Cell::new(0) };
}

/// While it lives, what its thread allocates gets the tag. Scopes nest; the
/// innermost counts. Leave them in the reverse order, as `let` does by itself.
#[must_use = "the tag is active only while the scope lives"]
#[derive(Debug)]
pub struct Scope {
    before: u32,
    /// A scope is about its thread: it must not be sent to another.
    here: PhantomData<*const ()>,
}

impl Tag {
    /// Makes the tag active on this thread until the scope is dropped. The
    /// first call of a tag registers it.
    #[inline]
    pub fn enter(&'static self) -> Scope {
        let index = self.index();
        let before = TAG.try_with(|tag| tag.replace(index)).unwrap_or(0);
        Scope { before, here: PhantomData }
    }
}

/// The tag that is active on this thread.
#[inline]
pub(super) fn tag() -> u32 {
    TAG.try_with(Cell::get).unwrap_or(0)
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        let _ = TAG.try_with(|tag| tag.set(self.before));
    }
}
