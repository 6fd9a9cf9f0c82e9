//! What the tests share.

pub mod agreement;
pub mod attack;
pub mod child;
pub mod churn;
pub mod cli;
pub mod confine;
pub mod figures;
pub mod folder;
pub mod harness;
pub mod inner;
pub mod load;
pub mod log;
pub mod made;
pub mod memory;
pub mod misuse;
pub mod parallel;
pub mod random;
pub mod releases;
pub mod scenarios;
pub mod system;
pub mod tags;
pub mod thread_stacks;
pub mod threads;
pub mod told;
pub mod watch;
