//! A program that is linked with scrubjay, and has another allocator.

use std::alloc::System;

#[global_allocator]
static ALLOCATOR: System = System;

static UNUSED: scrubjay::Tag = scrubjay::Tag::new("unused");

fn main() {
    println!("done, without {}", UNUSED.name());
}
