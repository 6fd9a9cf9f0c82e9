//! What scrubjay allocates for itself: under a tag of its own, so that a report
//! says whose it is.

use crate::tag::Tag;
use crate::thread;

/// The unwinder's tables, where stacks are captured.
static OWN: Tag = Tag::new("scrubjay").exempt();

/// Runs `then`, whose allocations are scrubjay's. Not within an allocation, nor
/// with the lock on tags.
pub(crate) fn account<T>(then: impl FnOnce() -> T) -> T {
    let _back = Back(enter(OWN.index()));
    then()
}

/// Gives the thread its tag back, also where others' code panics within.
struct Back(u32);

impl Drop for Back {
    fn drop(&mut self) {
        enter(self.0);
    }
}

/// Whether a tag is that of what scrubjay allocates for itself.
#[cfg(feature = "leak-check")]
pub(crate) fn is_own(tag: u32) -> bool {
    tag != 0 && tag == OWN.index()
}

/// Makes a tag active on the calling thread, whose next event looks its cell
/// up. Answers the one before.
fn enter(tag: u32) -> u32 {
    let before = thread::here(|here| {
        here.set_mode(0);
        here.tag.replace(tag)
    });
    before.unwrap_or(0)
}
