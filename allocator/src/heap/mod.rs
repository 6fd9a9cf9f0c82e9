//! The system's `malloc` family: what [`crate::System`] stands on.
//!
//! Where the feature `c-heap` has taken the usual names for C code, these are
//! the C library's own functions behind them, so that no block of Rust code
//! gets a second trailer.

#[cfg(feature = "c-heap")]
mod behind;
mod told;
#[cfg(not(feature = "c-heap"))]
mod usual;

#[cfg(feature = "c-heap")]
pub(crate) use behind::*;
pub(crate) use told::{give_back, told};
#[cfg(not(feature = "c-heap"))]
pub(crate) use usual::*;
