//! Contexts: the tag under which threads allocate, and for whom. Work that is
//! handed on takes its context along.

use core::fmt;
use core::marker::PhantomData;

use crate::tag::{self, Tag};
use crate::{owner, scope, thread};

/// Under which tag a piece of work allocates, and whose its memory is: that of
/// somebody with a bill of his own, such as a leak check, or nobody's.
///
/// Work that reaches a thread by another way than a call is handed on: by
/// [`Context::adopt`], a future by [`Context::follow`], a closure by
/// [`Context::wrap`], an item of a channel by [`Context::carry`]. A block keeps
/// tag and owner, whoever frees it.
///
/// ```
/// use scrubjay::{Context, Tag};
///
/// static RESIZE: Tag = Tag::new("images/resize");
///
/// let scope = RESIZE.enter();
/// let context = Context::current();
/// rayon::spawn(move || {
///     let _adopted = context.adopt();
///     // … allocates under the tag, for whoever spawned it …
/// });
/// # drop(scope);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// 0 for nobody's, or [`KEPT`].
    owner: u32,
    /// A tag's index, or [`KEPT`].
    tag: u32,
}

/// What a context leaves as the thread has it.
const KEPT: u32 = u32::MAX;

/// While it lives, its thread works for a context. Leave in the reverse order,
/// as `let` does by itself.
#[must_use = "the context is the thread's only while this lives"]
#[derive(Debug)]
pub struct Adopted {
    /// As the thread was, as far as that was changed.
    before: Context,
    /// It is about its thread: it must not be sent to another.
    here: PhantomData<*const ()>,
}

impl Context {
    /// That of the calling thread, its tag included.
    #[inline]
    pub fn current() -> Self {
        let current = thread::here(|here| Self { owner: here.owner(), tag: here.tag.get() });
        current.unwrap_or(Self { owner: 0, tag: 0 })
    }

    /// Nobody's, under whichever tag the thread has: for what outlives whoever is
    /// first to need it, such as the threads of a pool that all share.
    pub const fn nobodys() -> Self {
        Self { owner: 0, tag: KEPT }
    }

    /// A tag alone: the work stays for whom it is. The first call with a tag
    /// registers it.
    #[inline]
    pub fn tagged(tag: &'static Tag) -> Self {
        Self { owner: KEPT, tag: scope::index_of(tag) }
    }

    /// The same, under another tag.
    #[inline]
    pub fn with_tag(self, tag: &'static Tag) -> Self {
        Self { tag: scope::index_of(tag), ..self }
    }

    pub(crate) const fn of(owner: u32) -> Self {
        Self { owner, tag: KEPT }
    }

    /// Has the calling thread work for this context until the answer is dropped.
    /// An owner that has ended is nobody. Costs about 2 ns for each of tag and
    /// owner.
    #[inline]
    pub fn adopt(self) -> Adopted {
        Adopted { before: self.put(), here: PhantomData }
    }

    /// Has the calling thread work for this context until something else is said.
    /// Answers what takes it back.
    #[inline]
    pub(crate) fn put(self) -> Self {
        let mut before = Self { owner: KEPT, tag: KEPT };
        if self.owner != KEPT {
            before.owner = thread::here(|here| here.set_owner(self.owner)).unwrap_or(0);
        }
        if self.tag != KEPT {
            before.tag = scope::activate(self.tag);
        }
        before
    }

    /// Whether both are for the same owner, under whichever tags.
    pub fn is_for_whom(self, other: Self) -> bool {
        self.owner == other.owner
    }

    /// Whether it still is somebody's.
    pub fn is_live(self) -> bool {
        self.owner != KEPT && owner::get(self.owner).is_some()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner {
            KEPT => formatter.write_str("Context(")?,
            0 => formatter.write_str("Context(nobody's, ")?,
            owner => write!(formatter, "Context({owner}, ")?,
        }
        match self.tag {
            KEPT => formatter.write_str("any tag)"),
            tag => write!(formatter, "{})", tag::name_or_unknown(tag)),
        }
    }
}

impl Drop for Adopted {
    #[inline]
    fn drop(&mut self) {
        self.before.put();
    }
}

/// For whom the calling thread works; 0 for nobody.
pub(crate) fn current_owner() -> u32 {
    thread::here(|here| here.owner()).unwrap_or(0)
}

/// Has the calling thread's blocks be another owner's; answers whose they were.
pub(crate) fn set_owner(owner: u32) -> u32 {
    thread::here(|here| here.set_owner(owner)).unwrap_or(0)
}
