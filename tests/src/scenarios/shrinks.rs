//! Blocks that shrink: their tails are given up, in place or by a move.

use scrubjay::Tag;

use crate::releases::{Released, planted};

fn shrink(key: u64, (size, kept): (usize, usize), label: &'static str, released: &mut Released) {
    let turns = if size < 4 << 20 { 0..4 } else { 2..4 };
    for turn in turns {
        let mut bytes = planted(key, size);
        let start = bytes.as_ptr() as usize;
        bytes.truncate(kept);
        match turn {
            0..3 => bytes.shrink_to_fit(),
            _ => bytes = bytes.into_boxed_slice().into_vec(),
        }
        released.note_shrunk([label, label], (start, size), bytes);
    }
}

pub(super) fn by_a_few_bytes(key: u64, released: &mut Released) {
    shrink(key, (1_000, 970), "1000-970", released);
    // Without wiping, the trailer and glibc's own writes cover those 30 bytes.
    shrink(key, (1_000, 900), "tail", released);
}

pub(super) fn from_64_kib_to_1000(key: u64, released: &mut Released) {
    shrink(key, (64 << 10, 1_000), "tail", released);
}

/// Of blocks that scrubjay maps, kept in their mapping and moved out of it.
pub(super) fn of_mapped_blocks(key: u64, released: &mut Released) {
    static SECRET: Tag = Tag::new("shrunk secret").secret();
    for is_secret in [false, true] {
        let _scope = is_secret.then(|| SECRET.enter());
        shrink(key, (40_000_000, 33_333_333), "tail", released);
        shrink(key, (40_000_000, 100_000), "moved", released);
    }
}
