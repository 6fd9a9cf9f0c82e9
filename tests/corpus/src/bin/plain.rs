//! A case over the system's allocator, for checkers from outside: Valgrind's
//! memcheck, LeakSanitizer, or none, to compare times with.

use std::alloc::System;

use scrubjay_corpus::rounds::{Asked, say};

#[global_allocator]
static ALLOCATOR: System = System;

fn main() {
    let asked = Asked::of_arguments();
    asked.warm_up();
    say(asked.judged_rounds(), 0, 0);
}
