//! What a check does itself, apart from the work that it checks.

use crate::context::Context;
use crate::own;

/// Runs what belongs to the check itself: its blocks are nobody's.
pub(super) fn apart<T>(then: impl FnOnce() -> T) -> T {
    let adopted = Context::nobodys().adopt();
    let done = own::account(then);
    drop(adopted);
    done
}
