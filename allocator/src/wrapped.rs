//! An inner allocator and the settings under which it is wrapped: what the four
//! methods work on, in one place, so that handing it on takes one register.

use crate::config::Config;

/// See the module.
#[derive(Debug)]
pub(crate) struct Wrapped<I> {
    pub(crate) inner: I,
    pub(crate) config: Config,
}
