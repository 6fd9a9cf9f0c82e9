//! Scopes: the time in which a tag is active on a thread.

use core::marker::PhantomData;

use crate::config::Config;
use crate::process;
use crate::tag::{self, Tag};
use crate::thread::{self, Here};

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
    /// Makes the tag active on this thread until the scope is dropped. Costs
    /// about 2 ns; the first call of a tag registers it, that of a thread may
    /// take a page of cells.
    #[inline]
    pub fn enter(&'static self) -> Scope {
        Scope { before: activate(index_of(self)), here: PhantomData }
    }
}

/// A tag's index, registered if need be; 0 for one that counts as untagged.
#[inline]
pub(crate) fn index_of(tag: &'static Tag) -> u32 {
    match tag.known_index() {
        Some(index) => index,
        None => first_index(tag),
    }
}

/// Makes a tag active on the calling thread, by its index; answers the one
/// before.
#[inline]
pub(crate) fn activate(tag: u32) -> u32 {
    let before = thread::here(|here| {
        let before = here.tag.get();
        set(here, tag);
        before
    });
    before.unwrap_or(0)
}

/// Before the first event there is nowhere to register; and a budget has to be ready
/// to tell whom it refuses.
#[cold]
fn first_index(tag: &'static Tag) -> u32 {
    if let Some(store) = process::begin_now(&Config::new())
        && tag.declared_budget().is_some()
    {
        process::prepare_refusals(store);
    }
    tag.index()
}

#[inline]
fn set(here: &Here, tag: u32) {
    match here.slot.get().and_then(|slot| slot.cell(tag)) {
        Some(cell) => {
            here.tag.set(tag);
            let policy = tag::policy(tag);
            here.cell.set(policy.is_plain().then_some(cell));
            here.set_budgeted(policy.is_budgeted());
        }
        None => set_new(here, tag),
    }
}

/// A thread's first scope, or its first of a group of tags.
#[cold]
fn set_new(here: &Here, tag: u32) {
    here.tag.set(tag);
    // The next event looks its cell up.
    here.set_mode(0);
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        activate(self.before);
    }
}
