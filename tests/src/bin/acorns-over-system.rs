//! A program that does the same in every run, over `System`.

use std::alloc::System;

#[global_allocator]
static ALLOCATOR: System = System;

fn main() {
    scrubjay_tests::acorns::live_through_winter();
}
