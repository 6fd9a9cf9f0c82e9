//! What the tests share.

pub mod attack;
