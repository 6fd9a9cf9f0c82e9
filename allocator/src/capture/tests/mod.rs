//! Stacks, captured where an allocator captures them, compared with those of
//! `backtrace`.

mod corpus;
mod foreign;
mod garbage;
mod loading;
mod looks;
mod speed;
