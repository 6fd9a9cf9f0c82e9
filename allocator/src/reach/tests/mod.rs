//! Searches of a test's own process, in which other tests run beside.

mod ground;
mod lost;
mod pointers;
mod speed;
mod threads;
