//! Benchmarks of scrubjay beside its peers.
//!
//! | part | what it is |
//! | --- | --- |
//! | [`workloads`] | what is measured, the same for every allocator |
//! | [`child`] | the program around them: one process, one allocator, one figure |
//! | `spans` | the same of tags that travel |
//! | [`depth`] | the stack that they stand upon |
//! | [`statistics`] | how rounds of figures are judged |
//! | [`machine`] | what a figure must name to mean something |
//!
//! `cargo bench -p scrubjay-benches --bench comparison` makes the tables of the
//! README, `--bench operations` shows single operations by Criterion.

#[cfg(feature = "peers")]
mod bpe;
pub mod child;
pub mod depth;
mod json;
pub mod machine;
#[cfg(feature = "peers")]
pub mod spans;
pub mod statistics;
#[cfg(feature = "peers")]
mod syntax;
mod test_bodies;
pub mod workloads;
