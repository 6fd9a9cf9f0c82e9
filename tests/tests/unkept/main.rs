//! What the attack finds of an allocator that overwrites what is freed, but
//! does not keep the optimiser from undoing it.
#![expect(unsafe_code, reason = "an allocator's methods are unsafe by their trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::ExitCode;

use scrubjay_tests::harness;

mod without_the_barrier_every_scenario_leaves_a_secret;

/// Overwrites a block before it is released, as one would write it at first.
struct Unkept;

// SAFETY: everything is handed on as it came.
unsafe impl GlobalAlloc for Unkept {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    // Growth and shrinking are the trait's own: alloc, copy, dealloc.
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller gives the whole block up.
        unsafe { block.write_bytes(0, layout.size()) };
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(block, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Unkept = Unkept;

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![without_the_barrier_every_scenario_leaves_a_secret])
}
