//! Where the C library keeps what it knows of a thread, for each that was seen.
//!
//! Such a block stands at the end of its thread's stack, and both stay mapped
//! for a later thread when this one has ended. So whoever searches memory can
//! tell the stacks of the dead.

use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::limits::THREAD_BLOCKS_MAX;
use crate::os;

/// A hash table of addresses, 0 for none. An address that is left over is no
/// harm: whoever comes by it looks at what stands there.
static BLOCKS: [AtomicUsize; THREAD_BLOCKS_MAX] =
    [const { AtomicUsize::new(0) }; THREAD_BLOCKS_MAX];
/// How many places are looked at for one address, at most.
const PROBES_MAX: usize = 64;
/// How many threads found no place.
static MISSED: AtomicUsize = AtomicUsize::new(0);

/// Notes the calling thread's block.
pub(crate) fn note() {
    add(os::thread_block());
}

fn add(block: usize) {
    for place in places(block) {
        let found = place.load(Ordering::Relaxed);
        if found == block {
            return;
        }
        let order = (Ordering::Release, Ordering::Relaxed);
        if found == 0 && place.compare_exchange(0, block, order.0, order.1).is_ok() {
            return;
        }
    }
    MISSED.fetch_add(1, Ordering::Relaxed);
}

/// The places at which a block may stand.
fn places(block: usize) -> impl Iterator<Item = &'static AtomicUsize> {
    // Fibonacci hashing (Knuth, TAOCP 3, 6.4).
    let hash = (block as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let first = hash as usize % THREAD_BLOCKS_MAX;
    (0..PROBES_MAX).filter_map(move |step| BLOCKS.get((first + step) % THREAD_BLOCKS_MAX))
}

/// Hands out all blocks that were noted; the answer says whether one stays.
pub(crate) fn each(mut stays: impl FnMut(usize) -> bool) {
    for place in &BLOCKS {
        let block = place.load(Ordering::Acquire);
        if block != 0 && !stays(block) {
            // Who looks for another block stops at no gap but to fill it.
            let _ = place.compare_exchange(block, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

/// Where the table lies, whose addresses may be others' by now.
pub(crate) fn table() -> Range<usize> {
    let table = BLOCKS.as_ptr_range();
    table.start.addr()..table.end.addr()
}

/// How many threads found no place: their stacks are taken for memory in use
/// when they have ended.
pub(crate) fn missed_count() -> usize {
    MISSED.load(Ordering::Relaxed)
}
