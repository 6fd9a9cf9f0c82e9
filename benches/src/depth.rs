//! A stack of a given depth, for a workload to stand upon.

use std::hint::black_box;

/// A function that calls the next one, so many times, and then the work.
type Level = fn(usize, &mut dyn FnMut());

/// Callers in turn, so that a stack has as many return addresses as a program's
/// has, and not one over and over.
const LEVELS: [Level; 16] = [
    level::<0>,
    level::<1>,
    level::<2>,
    level::<3>,
    level::<4>,
    level::<5>,
    level::<6>,
    level::<7>,
    level::<8>,
    level::<9>,
    level::<10>,
    level::<11>,
    level::<12>,
    level::<13>,
    level::<14>,
    level::<15>,
];

/// Runs `work` so that what it calls finds `depth` frames below; with fewer
/// than there are already, as it is.
pub fn below(depth: usize, work: &mut dyn FnMut()) {
    let missing = if depth == 0 { 0 } else { depth.saturating_sub(frames()) };
    call(missing, work);
}

// A frame of its own would count twice, where nothing is optimized.
#[inline(always)]
fn call(missing: usize, work: &mut dyn FnMut()) {
    match missing {
        0 => work(),
        _ => LEVELS[missing % LEVELS.len()](missing - 1, work),
    }
}

#[inline(never)]
fn level<const LEVEL: usize>(missing: usize, work: &mut dyn FnMut()) {
    call(missing, work);
    // No two of them are alike, and none jumps to the next.
    black_box(LEVEL);
}

/// Frames below the caller of [`below`], as the platform's unwinder counts them.
#[inline(never)]
fn frames() -> usize {
    let mut count: usize = 0;
    backtrace::trace(|_| {
        count += 1;
        true
    });
    // Those of this function and of the unwinder's own.
    count.saturating_sub(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_stands_as_deep_as_asked_for() {
        for depth in [60, 100] {
            let mut found = 0;
            below(depth, &mut || found = frames());
            // The closure is a frame or is none, as the optimiser likes.
            assert!(found.abs_diff(depth) <= 3, "{found} frames instead of {depth}");
        }
    }
}
