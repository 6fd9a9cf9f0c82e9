//! Threads that allocate until they are killed, and hand some of their blocks on
//! to be freed by others.

use std::hint::black_box;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::random::Random;

/// Allocations between two acknowledgements.
const BATCH: u64 = 64;
/// A block has at most so many bytes, unless it is grown.
const SIZE_MAX: usize = 2_000;
/// Size of the largest block: one that was full, and grown.
pub const LARGEST: usize = 2 * SIZE_MAX;

/// Blocks on their way from the thread that allocated to the one that frees.
static HANDED_ON: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Goes on for ever, and now and then tells how many blocks it has allocated, not
/// counting those that were grown.
pub fn work(worker: u8, mut acknowledge: impl FnMut(u64)) -> ! {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let mut random = Random::new(now.as_nanos() as u64 ^ u64::from(worker));
    let mut kept: Vec<Vec<u8>> = Vec::with_capacity(256);
    let mut count = 0;
    loop {
        for _ in 0..BATCH {
            kept.push(black_box(vec![worker; 1 + random.below(SIZE_MAX)]));
            count += 1;
            if kept.len() > 200 {
                let mut given = kept.swap_remove(random.below(200));
                if random.one_in(4) {
                    given.push(worker);
                }
                drop(black_box(given));
            }
            if random.one_in(8) {
                let mut handed_on = HANDED_ON.lock().expect("nobody panics");
                if handed_on.len() > 100 {
                    drop(handed_on.swap_remove(random.below(100)));
                } else if let Some(block) = kept.pop() {
                    handed_on.push(block);
                }
            }
        }
        acknowledge(count);
    }
}
