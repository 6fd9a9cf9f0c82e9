//! How long a search has the program stand still.

use super::ground::{Ground, Hidden, write};

/// Blocks in random order of a chain of `1 << shift` of them, each with a second
/// pointer to a random one, as in a program's graph. Answers the first one.
#[inline(never)]
fn tangle(ground: &mut Ground, shift: u32, size: usize) -> Hidden {
    let count = 1 << shift;
    let blocks: Vec<Hidden> = (0..count).map(|_| ground.block_now(size)).collect();
    // A full round through all numbers (Knuth, TAOCP 2, 3.2.1.2).
    let next = |at: usize| (at * 5 + 12_345) % count;
    let mut at = 0;
    for _ in 0..count {
        write(blocks[at], 0, blocks[next(at)], 0);
        write(blocks[at], 8, blocks[(at * 7_919) % count], 8);
        at = next(at);
    }
    blocks[0]
}

/// The processor's time of the calling thread, in nanoseconds: others have it,
/// too.
fn own_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the timespec is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The shortest of some pauses, in nanoseconds, and the processor's time of the
/// shortest search.
#[inline(never)]
fn pause(ground: &mut Ground, first: Hidden) -> (u64, u64) {
    let mut frame = [0_usize; 2];
    hold(&mut frame, first);
    let mut least = (u64::MAX, u64::MAX);
    for _ in 0..5 {
        let begin = own_ns();
        let found = ground.scan();
        let counts = found.scan.counts;
        least = (least.0.min(counts.pause_ns), least.1.min(own_ns() - begin));
        assert_eq!(found.lost_count(), 0);
        std::hint::black_box(&mut frame);
    }
    least
}

#[inline(never)]
fn hold(frame: &mut [usize], first: Hidden) {
    frame[0] = first.address();
}

/// Not a benchmark: it fails where something is off by an order of magnitude.
#[test]
fn the_pause_is_short() {
    for (shift, size, limit_ns) in
        [(13, 104, 20_000_000), (20, 104, 3_000_000_000), (20, 1000, 3_000_000_000)]
    {
        let count = 1_usize << shift;
        let mut ground = Ground::new((count * (size + 24)).next_multiple_of(4096) + 8192);
        let first = tangle(&mut ground, shift, size);
        let (pause_ns, own_ns) = pause(&mut ground, first);
        let told = format!(
            "{count} blocks of {size} bytes: pause {} µs, processor {} µs\n",
            pause_ns / 1_000,
            own_ns / 1_000
        );
        crate::os::write_error(told.as_bytes());
        assert!(own_ns < limit_ns);
    }
}
