//! A case over `dhat`: its heap statistics around the judged rounds, and its
//! file of stacks in the working folder at the end.

use dhat::{Alloc, HeapStats, Profiler};
use scrubjay_corpus::rounds::{Asked, say};

#[global_allocator]
static ALLOCATOR: Alloc = Alloc;

fn main() {
    let asked = Asked::of_arguments();
    // Not its own ten frames: what a case allocates may lie deeper in std.
    let _profiler = Profiler::builder().trim_backtraces(None).build();
    asked.warm_up();
    let before = HeapStats::get();
    let time = asked.judged_rounds();
    let after = HeapStats::get();
    let blocks = after.curr_blocks as i64 - before.curr_blocks as i64;
    say(time, blocks, after.curr_bytes as i64 - before.curr_bytes as i64);
}
