//! What the trailer asks of records of live blocks, of which there are none
//! here: every block names its tag itself.

use crate::limits::TAGS_MAX;

/// Whether a trailer names a tag: always.
pub(crate) fn is_site(_: u32) -> bool {
    true
}

/// The tag that a trailer names; `None` for what cannot be one.
pub(crate) fn site_of(name: u32) -> Option<u32> {
    ((name as usize) < TAGS_MAX).then_some(name)
}
