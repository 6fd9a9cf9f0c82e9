//! What the tests share.

pub mod attack;
pub mod child;
pub mod churn;
pub mod figures;
pub mod folder;
pub mod harness;
pub mod inner;
pub mod log;
pub mod random;
pub mod tags;
pub mod watch;
