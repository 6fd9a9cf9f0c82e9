//! What a check does itself, apart from the work that it checks.

use crate::context::set_owner;
use crate::own;

/// Runs what belongs to the check itself: its blocks are nobody's.
pub(super) fn apart<T>(then: impl FnOnce() -> T) -> T {
    let before = set_owner(0);
    let done = own::account(then);
    set_owner(before);
    done
}
