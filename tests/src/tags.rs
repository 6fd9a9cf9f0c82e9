//! The tags of the workloads: scrubjay's and the books' entered together.

use scrubjay::{Scope, Tag};

use crate::watch::{self, TAG_COUNT};

static TAGS: [Tag; TAG_COUNT - 1] = [
    Tag::new("work/one"),
    Tag::new("work/two"),
    Tag::new("work/three").secret(),
    Tag::new("work/unwiped").wipe(false),
    Tag::new("work/five"),
    Tag::new("other/six"),
    Tag::new("other/seven"),
];

/// Name of a tag, by its number in the books.
pub fn name(number: usize) -> &'static str {
    number.checked_sub(1).map_or("untagged", |index| TAGS[index].name())
}

/// A scope of both.
pub struct Both {
    before: u32,
    _scope: Option<Scope>,
}

/// Enters a tag by its number; "untagged" is left as it is.
pub fn enter(number: usize) -> Both {
    let scope = number.checked_sub(1).map(|index| TAGS[index].enter());
    Both { before: watch::set_tag(number as u32), _scope: scope }
}

impl Drop for Both {
    fn drop(&mut self) {
        watch::set_tag(self.before);
    }
}
