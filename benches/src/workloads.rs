//! What is measured: the same code over every allocator.

use std::hint::black_box;

/// Something to measure.
pub struct Workload {
    /// As the command line and the table call it.
    pub name: &'static str,
    /// Does so many operations.
    pub run: fn(u64),
    /// Fewer operations than this do not show what it is about.
    pub operations_min: u64,
}

/// All workloads.
pub const WORKLOADS: &[Workload] = &[
    Workload { name: "pair64", run: pair64, operations_min: 1 << 10 },
    Workload { name: "zeroed64", run: zeroed64, operations_min: 1 << 10 },
    Workload { name: "grow", run: grow, operations_min: 1 << 10 },
    Workload {
        name: "mixed",
        run: mixed,
        // The live blocks turn over some times.
        operations_min: 1 << 14,
    },
    #[cfg(feature = "peers")]
    Workload { name: "tokenizers", run: crate::bpe::train_and_encode, operations_min: 1 },
];

/// What one operation of a workload is; of those too that this build has not.
pub const OPERATIONS: &[(&str, &str)] = &[
    ("pair64", "alloc and free of 64 bytes"),
    ("zeroed64", "alloc of 64 bytes of zeros, and free"),
    ("grow", "alloc of 64 bytes, realloc to 128, free"),
    ("mixed", "alloc and free, 16 to 2,047 bytes, 1,000 live"),
    ("tokenizers", "BPE trained on 100 lines, which are then encoded"),
];

// Blocks are left as they come: filling them would be measured too, and is the
// same for every allocator.

fn pair64(operations: u64) {
    for _ in 0..operations {
        drop(black_box(Box::<[u8; 64]>::new_uninit()));
    }
}

fn zeroed64(operations: u64) {
    for _ in 0..operations {
        drop(black_box(Box::<[u8; 64]>::new_zeroed()));
    }
}

fn grow(operations: u64) {
    for _ in 0..operations {
        let mut bytes = black_box(Vec::<u8>::with_capacity(64));
        bytes.reserve_exact(128);
        drop(black_box(bytes));
    }
}

fn mixed(operations: u64) {
    let mut live: Vec<Vec<u8>> = vec![Vec::new(); 1000];
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..operations {
        let word = random.next();
        let slot = (word >> 32) as usize % live.len();
        // As many blocks of 16 to 31 bytes as of 1,024 to 2,047.
        let power = 1 << (4 + word % 7);
        let size = power + (word >> 8) as usize % power;
        live[slot] = black_box(Vec::with_capacity(size));
    }
}

/// Marsaglia's xorshift: the same numbers in every run, at the cost of an
/// instruction or six.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
