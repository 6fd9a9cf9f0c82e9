//! Windows of 8 bytes of the secrets, and where they stand in some bytes.
//!
//! All windows of all secrets, at every alignment, are in one hash table of
//! positions. One pass over memory asks it at every byte; a filter of one bit a
//! hash answers nearly all questions without touching the table.

/// Size of a window in bytes: the smallest residue that counts.
pub const WINDOW_SIZE: usize = 8;
/// A window with fewer distinct byte values tells nothing: zeros, runs of one
/// number and the like stand everywhere, also where no secret ever was.
pub const DISTINCT_MIN: u32 = 5;

/// Something that should not be found.
pub struct Secret {
    /// What it is called in the report.
    pub name: String,
    /// Its bytes; windows do not run from one piece into the next.
    pub pieces: Vec<Vec<u8>>,
}

/// Number of a window: where it first stands among all bytes of the secrets.
pub type Window = u32;

/// The windows of several secrets. A window that two secrets share belongs to
/// the first of them.
pub struct Windows {
    bytes: Vec<u8>,
    /// Where each secret's bytes end.
    ends: Vec<usize>,
    /// How many windows each secret has.
    counts: Vec<u64>,
    /// Positions plus 1, by hash; 0 is free.
    slots: Vec<u32>,
    slot_shift: u32,
    filter: Vec<u64>,
    filter_shift: u32,
}

impl Windows {
    /// Takes in all windows that tell anything.
    pub fn of(secrets: &[Secret]) -> Self {
        let size: usize = secrets.iter().flat_map(|secret| &secret.pieces).map(Vec::len).sum();
        assert!(size < u32::MAX as usize / 2, "secrets of {size} bytes are too many");
        let slot_bits = (size.max(8) * 3 / 2).next_power_of_two().ilog2();
        let filter_bits = (size.max(8) * 12).next_power_of_two().ilog2();
        let mut windows = Self {
            bytes: Vec::with_capacity(size),
            ends: Vec::new(),
            counts: Vec::new(),
            slots: vec![0; 1 << slot_bits],
            slot_shift: 64 - slot_bits,
            filter: vec![0; 1 << (filter_bits - 6)],
            filter_shift: 64 - filter_bits,
        };
        for secret in secrets {
            let mut count = 0;
            for piece in &secret.pieces {
                let start = windows.bytes.len();
                windows.bytes.extend_from_slice(piece);
                for at in start..(windows.bytes.len() + 1).saturating_sub(WINDOW_SIZE).max(start) {
                    count += u64::from(windows.insert(at));
                }
            }
            windows.ends.push(windows.bytes.len());
            windows.counts.push(count);
        }
        windows
    }

    /// How many positions there are: every window lies below.
    pub fn position_count(&self) -> usize {
        self.bytes.len()
    }

    /// How many distinct windows a secret has.
    pub fn count(&self, secret: usize) -> u64 {
        self.counts[secret]
    }

    /// Number of the secret that a window belongs to.
    pub fn secret(&self, window: Window) -> usize {
        self.ends.partition_point(|&end| end <= window as usize)
    }

    /// Calls `found` for every window in `bytes`, with its place and number.
    pub fn search(&self, bytes: &[u8], mut found: impl FnMut(usize, Window)) {
        const ZEROS: [u8; 4096] = [0; 4096];
        let mut value = 0;
        for (index, block) in bytes.chunks(ZEROS.len()).enumerate() {
            let start = index * ZEROS.len();
            // Most of a wiped memory: only windows that begin before it count.
            let zero = block == &ZEROS[..block.len()];
            let searched = if zero { block.len().min(WINDOW_SIZE - 1) } else { block.len() };
            for (offset, &byte) in block[..searched].iter().enumerate() {
                value = value >> 8 | u64::from(byte) << 56;
                let hash = hash(value);
                let bit = hash >> self.filter_shift;
                if self.filter[(bit >> 6) as usize] >> (bit & 63) & 1 == 0 {
                    continue;
                }
                let end = start + offset + 1;
                if end >= WINDOW_SIZE
                    && let Some(window) = self.find(value, hash)
                {
                    found(end - WINDOW_SIZE, window);
                }
            }
            if zero {
                value = 0;
            }
        }
    }

    fn insert(&mut self, position: usize) -> bool {
        let value = self.at(position);
        if distinct(value) < DISTINCT_MIN {
            return false;
        }
        let hash = hash(value);
        let mut slot = (hash >> self.slot_shift) as usize;
        while self.slots[slot] != 0 {
            if self.at(self.slots[slot] as usize - 1) == value {
                return false;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = position as u32 + 1;
        let bit = hash >> self.filter_shift;
        self.filter[(bit >> 6) as usize] |= 1 << (bit & 63);
        true
    }

    fn find(&self, value: u64, hash: u64) -> Option<Window> {
        let mut slot = (hash >> self.slot_shift) as usize;
        while self.slots[slot] != 0 {
            let position = self.slots[slot] - 1;
            if self.at(position as usize) == value {
                return Some(position);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        None
    }

    fn at(&self, position: usize) -> u64 {
        let mut window = [0; WINDOW_SIZE];
        window.copy_from_slice(&self.bytes[position..position + WINDOW_SIZE]);
        u64::from_le_bytes(window)
    }
}

/// The high bits of a product with an odd number, after folding: every byte of
/// the window reaches them.
fn hash(value: u64) -> u64 {
    (value ^ value >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn distinct(value: u64) -> u32 {
    let mut seen = [0u64; 4];
    for byte in value.to_le_bytes() {
        seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
    seen.iter().map(|part| part.count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 33) as usize % limit
        }

        fn bytes(&mut self, size: usize, values: usize) -> Vec<u8> {
            (0..size).map(|_| self.below(values) as u8).collect()
        }
    }

    fn secrets(random: &mut Random, values: usize) -> Vec<Secret> {
        (0..4)
            .map(|index| Secret {
                name: format!("secret {index}"),
                // Some shorter than a window.
                pieces: (0..3).map(|piece| random.bytes(4 + 13 * piece * index, values)).collect(),
            })
            .collect()
    }

    /// Every place where a window of a secret stands, by comparing all with
    /// all; of several equal ones, the first secret's.
    fn naive(secrets: &[Secret], bytes: &[u8]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for at in 0..(bytes.len() + 1).saturating_sub(WINDOW_SIZE) {
            let looked_at = &bytes[at..at + WINDOW_SIZE];
            let mut values = looked_at.to_vec();
            values.sort_unstable();
            values.dedup();
            if values.len() < DISTINCT_MIN as usize {
                continue;
            }
            let owner = secrets.iter().position(|secret| {
                let mut pieces = secret.pieces.iter();
                pieces.any(|piece| piece.windows(WINDOW_SIZE).any(|window| window == looked_at))
            });
            if let Some(owner) = owner {
                found.push((at, owner));
            }
        }
        found
    }

    #[test]
    fn the_search_finds_what_a_naive_search_finds() {
        let mut random = Random(7);
        let mut found_count = 0;
        // Few byte values: windows repeat, and many tell nothing.
        for values in [2, 6, 8, 256] {
            for round in 0..40 {
                let secrets = secrets(&mut random, values);
                let windows = Windows::of(&secrets);
                let size = random.below(9000);
                let mut bytes = random.bytes(size, values);
                if round % 2 == 0 {
                    bytes.fill(0);
                }
                for _ in 0..20 {
                    let secret = &secrets[random.below(secrets.len())];
                    let piece = &secret.pieces[random.below(secret.pieces.len())];
                    let from = random.below(piece.len());
                    let part = &piece[from..from + random.below(piece.len() - from + 1)];
                    if part.len() <= size {
                        let at = random.below(size - part.len() + 1);
                        bytes[at..at + part.len()].copy_from_slice(part);
                    }
                }
                let mut found = Vec::new();
                windows.search(&bytes, |at, window| found.push((at, windows.secret(window))));
                assert_eq!(found, naive(&secrets, &bytes));
                found_count += found.len();
            }
        }
        assert!(found_count > 5_000, "{found_count} windows are no test");
    }

    #[test]
    fn windows_are_counted_once_and_by_their_first_secret() {
        let secret = |text: &str| Secret { name: text.into(), pieces: vec![text.into()] };
        let windows = Windows::of(&[
            secret("abcdefghijabcdefgh"),
            secret("xabcdefghi"),
            secret("zzzzzzzzzzzz"),
            secret("short"),
        ]);
        assert_eq!([0, 1, 2, 3].map(|secret| windows.count(secret)), [10, 1, 0, 0]);
    }

    #[test]
    fn a_window_reaches_into_a_page_of_zeros() {
        let pieces = vec![vec![1, 2, 3, 4, 5, 0, 0, 0]];
        let windows = Windows::of(&[Secret { name: "floats".into(), pieces }]);
        let mut bytes = vec![0; 3 * 4096];
        bytes[4091..4096].copy_from_slice(&[1, 2, 3, 4, 5]);
        let mut found = Vec::new();
        windows.search(&bytes, |at, _| found.push(at));
        assert_eq!(found, [4091]);
    }
}
