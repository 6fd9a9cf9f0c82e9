//! What a program allocates at each of its sites, by number: the same in every
//! run, so that only the draw differs.

use std::hint::black_box;

use scrubjay::Tag;
use scrubjay_tests::random::Random;

/// Sites of a process, each under a tag of its own.
pub const SITES: usize = 60;
/// The mean distance of two samples, in bytes: small, so that little has to be
/// allocated.
pub const INTERVAL: u64 = 4096;

/// How a site's blocks come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Allocated, some of them freed.
    Plain,
    /// Grown to twice the size before that.
    Grown,
    /// Allocated on one thread, freed on another.
    HandedOver,
}

/// A site.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    pub way: Way,
    pub size: usize,
    pub count: usize,
    /// Of 16 blocks so many stay.
    pub kept_of_16: usize,
}

impl Site {
    /// The site of a number: blocks of 16 bytes to 16 KiB, one to 200 of them
    /// in the sample, as a rule.
    pub fn of(number: usize, way: Way) -> Self {
        let mut random = Random::new(number as u64);
        let mut between = |low: f64, high: f64| {
            let part = (random.next_word() >> 11) as f64 / (1_u64 << 53) as f64;
            low * (high / low).powf(part)
        };
        let size = between(16.0, 16_384.0) as usize;
        let count = (between(1.0, 200.0) / chance(size as u64)).ceil() as usize;
        Self { way, size, count, kept_of_16: 1 + number % 16 }
    }

    /// Whether the block of a place stays.
    fn keeps(self, index: usize) -> bool {
        index * 7 % 16 < self.kept_of_16
    }

    /// Does it, and leaves what stays behind for good.
    pub fn run(self, tag: &'static Tag) {
        // Outside the scope: the list is not the site's.
        let mut blocks = Vec::with_capacity(self.count);
        let scope = tag.enter();
        for _ in 0..self.count {
            let mut block = allocate(self.size);
            if self.way == Way::Grown {
                block.reserve_exact(2 * self.size);
            }
            blocks.push(block);
        }
        drop(scope);
        let leave = move || {
            for (index, block) in blocks.into_iter().enumerate() {
                if self.keeps(index) {
                    std::mem::forget(black_box(block));
                }
            }
        };
        match self.way {
            Way::HandedOver => std::thread::spawn(leave).join().expect("freeing does not panic"),
            _ => leave(),
        }
    }

    /// What was ever allocated: sizes, and how many of each.
    pub fn allocated(self) -> Vec<(usize, usize)> {
        match self.way {
            Way::Grown => vec![(self.size, self.count), (2 * self.size, self.count)],
            _ => vec![(self.size, self.count)],
        }
    }

    /// Likewise what is live at the end.
    pub fn live(self) -> (usize, usize) {
        let count = (0..self.count).filter(|&index| self.keeps(index)).count();
        (if self.way == Way::Grown { 2 * self.size } else { self.size }, count)
    }
}

/// One call, and so one stack.
#[inline(never)]
fn allocate(size: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(size))
}

/// With which a block is in the sample.
pub fn chance(size: u64) -> f64 {
    -(-(size as f64) / INTERVAL as f64).exp_m1()
}
