//! The small allocator that stands in where the other does not run: it counts
//! per tag and wipes, and says in one line what it lacks.
//!
//! It has the same names and signatures, for what it does and for what a
//! program may call without a log. It asks little of the system: the inner
//! allocator, atomic words, a thread-local word, and the C library's `getenv`
//! and `write`. Its tests run on Linux, too, under `--cfg scrubjay_elsewhere`.

mod allocator;
mod begin;
mod blocks;
mod damage;
mod inner;
mod lacks;
mod ledger;
pub(crate) mod live;
pub(crate) mod os;
mod register;
mod scope;
mod snapshot;
mod vault_tag;
pub(crate) mod wipe;

pub use allocator::Scrubjay;
pub use inner::{Over, System};
pub use lacks::{dump, note, scrub_stack, set_mode, start_log};
pub use scope::Scope;
pub use snapshot::tags;
