//! Stacks, captured where an allocator captures them, compared with those of
//! `backtrace`.

mod corpus;
mod foreign;
mod garbage;
// With the C library whose unwinder is a library that can be loaded twice.
#[cfg(target_env = "gnu")]
mod loading;
mod looks;
mod memo;
mod speed;
