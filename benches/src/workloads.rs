//! What is measured: the same code over every allocator.

use std::hint::black_box;

use crate::{json, test_bodies};

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
    Workload { name: "json", run: json::parse, operations_min: 1 },
    #[cfg(feature = "peers")]
    Workload { name: "syntax", run: crate::syntax::parse, operations_min: 1 },
    #[cfg(feature = "peers")]
    Workload { name: "tokenizers", run: crate::bpe::train_and_encode, operations_min: 1 },
    Workload { name: "test 20 µs", run: test_bodies::small, operations_min: 1 },
    Workload { name: "test 10 ms", run: test_bodies::large, operations_min: 1 },
    Workload { name: "write 64 B", run: write::<64>, operations_min: 1 << 10 },
    Workload { name: "write 256 B", run: write::<256>, operations_min: 1 << 10 },
    Workload { name: "write 1 KiB", run: write::<{ 1 << 10 }>, operations_min: 1 << 10 },
    Workload { name: "write 4 KiB", run: write::<{ 4 << 10 }>, operations_min: 1 << 8 },
    Workload { name: "write 64 KiB", run: write::<{ 64 << 10 }>, operations_min: 1 << 4 },
    Workload { name: "write 1 MiB", run: write::<{ 1 << 20 }>, operations_min: 1 },
    Workload { name: "write 16 MiB", run: write::<{ 16 << 20 }>, operations_min: 1 },
    Workload { name: "write 64 MiB", run: write::<{ 64 << 20 }>, operations_min: 1 },
    Workload { name: "memset 1 KiB", run: memset::<{ 1 << 10 }>, operations_min: 1 << 10 },
    Workload { name: "memset 4 KiB", run: memset::<{ 4 << 10 }>, operations_min: 1 << 8 },
    Workload { name: "memset 64 KiB", run: memset::<{ 64 << 10 }>, operations_min: 1 << 4 },
    Workload { name: "memset 1 MiB", run: memset::<{ 1 << 20 }>, operations_min: 1 << 4 },
    Workload { name: "memset 16 MiB", run: memset::<{ 16 << 20 }>, operations_min: 1 },
    Workload { name: "cold 4 KiB", run: cold::<{ 4 << 10 }>, operations_min: COLD_SIZE >> 12 },
    Workload { name: "cold 64 KiB", run: cold::<{ 64 << 10 }>, operations_min: COLD_SIZE >> 16 },
    Workload { name: "cold 1 MiB", run: cold::<{ 1 << 20 }>, operations_min: COLD_SIZE >> 20 },
    Workload { name: "vec 32 KiB", run: vec::<{ 32 << 10 }>, operations_min: 1 },
    Workload { name: "vec 64 KiB", run: vec::<{ 64 << 10 }>, operations_min: 1 },
    Workload { name: "vec 128 KiB", run: vec::<{ 128 << 10 }>, operations_min: 1 },
    Workload { name: "vec 256 KiB", run: vec::<{ 256 << 10 }>, operations_min: 1 },
    Workload { name: "vec 512 KiB", run: vec::<{ 512 << 10 }>, operations_min: 1 },
    Workload { name: "vec 1 MiB", run: vec::<{ 1 << 20 }>, operations_min: 1 },
    Workload { name: "vec 2 MiB", run: vec::<{ 2 << 20 }>, operations_min: 1 },
    Workload { name: "vec 4 MiB", run: vec::<{ 4 << 20 }>, operations_min: 1 },
    Workload { name: "vec 8 MiB", run: vec::<{ 8 << 20 }>, operations_min: 1 },
    Workload { name: "vec 16 MiB", run: vec::<{ 16 << 20 }>, operations_min: 1 },
    Workload { name: "vec 32 MiB", run: vec::<{ 32 << 20 }>, operations_min: 1 },
    Workload { name: "vec 64 MiB", run: vec::<{ 64 << 20 }>, operations_min: 1 },
    Workload { name: "many 24 KiB", run: many::<{ 24 << 10 }>, operations_min: MANY },
    Workload { name: "many 100 KiB", run: many::<{ 100 << 10 }>, operations_min: MANY },
    Workload { name: "many 500 KiB", run: many::<{ 500 << 10 }>, operations_min: MANY },
    Workload { name: "untouched 1 GiB", run: untouched::<{ 1 << 30 }>, operations_min: 1 },
];

/// What one operation of a workload is; of those too that this build has not.
/// A name that ends in a size stands for all that begin alike.
pub const OPERATIONS: &[(&str, &str)] = &[
    ("pair64", "alloc and free of 64 bytes"),
    ("zeroed64", "alloc of 64 bytes of zeros, and free"),
    ("grow", "alloc of 64 bytes, realloc to 128, free"),
    ("mixed", "alloc and free, 16 to 2,047 bytes, 1,000 live"),
    ("json", "a document of 500 records parsed by `serde_json`, and dropped"),
    ("syntax", "130 lines of Rust parsed by `syn`, and the tree dropped"),
    ("tokenizers", "BPE trained on 100 lines, which are then encoded"),
    ("test", "a map of words to vectors filled, asked, sorted, dropped"),
    ("write", "alloc, fill, free"),
    ("memset", "a block that stands filled with zeros, by the C library's memset"),
    ("cold", "one of many blocks, 256 MiB together, that are filled in turn, then freed in turn"),
    ("vec", "a `Vec<u64>` grown to this size by `push`, and dropped"),
    ("many", "one of 200 `Vec<u64>`s that grow in turn to this size, and are dropped together"),
    ("first vec", "the same, the only time in a process's life"),
    ("untouched", "alloc and free"),
    ("scope", "a scope of a tag, or a group's guard: entered and left"),
    ("span entered", "a span that is there: entered and left"),
    ("span with a block", "the same, with an alloc and free of 64 bytes within"),
    ("span made", "a new span: entered, left and closed"),
];

// Blocks are left as they come, but where it says otherwise: filling them would
// be measured too, and is the same for every allocator.

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

fn write<const SIZE: usize>(operations: u64) {
    for operation in 0..operations {
        let mut block = Vec::<u8>::with_capacity(SIZE);
        block.resize(SIZE, operation as u8);
        drop(black_box(block));
    }
}

fn memset<const SIZE: usize>(operations: u64) {
    let mut block = vec![1_u8; SIZE];
    for _ in 0..operations {
        black_box(&mut block[..]).fill(0);
    }
}

/// More than any cache of a common machine holds.
const COLD_SIZE: u64 = 256 << 20;

fn cold<const SIZE: usize>(operations: u64) {
    let fill = |index: u64| -> Vec<u8> {
        let mut block = Vec::with_capacity(SIZE);
        block.resize(SIZE, index as u8);
        block
    };
    let count = COLD_SIZE / SIZE as u64;
    for _ in 0..operations / count {
        let blocks: Vec<Vec<u8>> = (0..count).map(fill).collect();
        black_box(&blocks);
        blocks.into_iter().for_each(drop);
    }
}

fn vec<const SIZE: usize>(operations: u64) {
    for _ in 0..operations {
        let mut grown = Vec::new();
        for index in 0..(SIZE / 8) as u64 {
            grown.push(black_box(index));
        }
        drop(black_box(grown));
    }
}

/// Vecs that grow at the same time.
const MANY: u64 = 200;

fn many<const SIZE: usize>(operations: u64) {
    for _ in 0..operations / MANY {
        let mut all = vec![Vec::new(); MANY as usize];
        // Each in turn by a piece, so that none can grow where it stands.
        for piece in 0..(SIZE / 1000) as u64 {
            for grown in &mut all {
                for index in 0..125 {
                    grown.push(black_box(piece + index));
                }
            }
        }
        drop(black_box(all));
    }
}

fn untouched<const SIZE: usize>(operations: u64) {
    for _ in 0..operations {
        drop(black_box(Vec::<u8>::with_capacity(SIZE)));
    }
}
