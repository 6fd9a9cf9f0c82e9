//! Windows of a pattern: its runs of 8 bytes, in memory that whoever searches
//! brings along.

/// The smallest piece of a pattern that counts, in bytes.
pub(super) const WINDOW_SIZE: usize = 8;
/// A window with fewer distinct byte values tells nothing: zeros and the like
/// stand everywhere.
const DISTINCT_MIN: u32 = 5;

/// A window, and where it stands in the pattern.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Entry {
    window: u64,
    /// The first place, plus 1; 0 for no entry.
    number: u64,
}

/// How much memory the windows of a pattern take: entries, and words of the
/// filter in front of them.
pub(super) fn room(pattern_size: usize) -> (usize, usize) {
    let entries = (2 * pattern_size).next_power_of_two();
    (entries, entries.max(64) / 4)
}

/// All windows of a pattern.
pub(super) struct Windows<'m> {
    entries: &'m mut [Entry],
    filter: &'m mut [u64],
    /// Distinct windows that tell something.
    pub(super) count: u64,
}

/// Fibonacci hashing (Knuth, TAOCP 3, 6.4).
#[inline(always)]
fn hash(window: u64) -> u64 {
    window.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl<'m> Windows<'m> {
    /// Takes the windows of a pattern in, into memory of zeros as [`room`]
    /// says.
    pub(super) fn new(entries: &'m mut [Entry], filter: &'m mut [u64], pattern: &[u8]) -> Self {
        let mut windows = Self { entries, filter, count: 0 };
        for (number, bytes) in (1..).zip(pattern.windows(WINDOW_SIZE)) {
            if distinct(bytes) >= DISTINCT_MIN
                && let Some(bytes) = bytes.first_chunk()
            {
                windows.insert(u64::from_le_bytes(*bytes), number);
            }
        }
        windows
    }

    fn insert(&mut self, window: u64, number: u64) {
        let mask = self.entries.len() - 1;
        let mut at = self.place(window);
        while let Some(entry) = self.entries.get_mut(at) {
            if entry.number == 0 {
                *entry = Entry { window, number };
                self.count += 1;
                break;
            }
            if entry.window == window {
                break;
            }
            at = (at + 1) & mask;
        }
        let bit = self.bit(window);
        if let Some(word) = self.filter.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    fn place(&self, window: u64) -> usize {
        (hash(window) >> (64 - self.entries.len().trailing_zeros())) as usize
    }

    #[inline(always)]
    fn bit(&self, window: u64) -> usize {
        (hash(window) >> (64 - 6 - self.filter.len().trailing_zeros())) as usize
    }

    /// Where in the pattern a window stands first.
    #[inline(always)]
    pub(super) fn find(&self, window: u64) -> Option<usize> {
        let bit = self.bit(window);
        let word = self.filter.get(bit / 64).copied().unwrap_or(0);
        if word >> (bit % 64) & 1 == 0 { None } else { self.look_up(window) }
    }

    #[inline(never)]
    fn look_up(&self, window: u64) -> Option<usize> {
        let mask = self.entries.len() - 1;
        let mut at = self.place(window);
        loop {
            let entry = self.entries.get(at).filter(|entry| entry.number != 0)?;
            if entry.window == window {
                return Some(entry.number as usize - 1);
            }
            at = (at + 1) & mask;
        }
    }
}

fn distinct(bytes: &[u8]) -> u32 {
    let mut seen = [0_u64; 4];
    for &byte in bytes {
        seen[usize::from(byte / 64)] |= 1 << (byte % 64);
    }
    seen.iter().map(|word| word.count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_that_tells_something_is_found_where_it_stands_first() {
        let pattern: Vec<u8> = (0..200_u8).map(|at| at.wrapping_mul(37) ^ (at / 3)).collect();
        let pattern = [&pattern[..], &[0; 20], &pattern[10..30]].concat();
        let (entries, filter) = room(pattern.len());
        let (mut entries, mut filter) =
            (vec![Entry { window: 0, number: 0 }; entries], vec![0; filter]);
        let windows = Windows::new(&mut entries, &mut filter, &pattern);
        for bytes in pattern.windows(WINDOW_SIZE) {
            let window = u64::from_le_bytes(*bytes.first_chunk().unwrap());
            let first = pattern.windows(WINDOW_SIZE).position(|other| other == bytes);
            let expected = first.filter(|_| distinct(bytes) >= DISTINCT_MIN);
            assert_eq!(windows.find(window), expected, "{bytes:?}");
        }
        assert_eq!(windows.find(u64::from_le_bytes(*b"nowhere!")), None);
    }
}
