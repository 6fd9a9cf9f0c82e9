//! What grows: how much a place held after some of the rounds.

use std::collections::BTreeMap;

/// After which rounds it is looked at: a buffer that doubles grows between any
/// two of them.
const LOOKS: [u32; 6] = [1, 2, 4, 8, 16, 32];
/// Over how many looks in a row it has to grow.
const STEPS: usize = 3;

/// Bytes held after each look so far, by place.
#[derive(Debug, Default)]
pub(super) struct Growth {
    looks: Vec<BTreeMap<u64, u64>>,
}

impl Growth {
    /// The round after which to look next; `None` where that is over `most`.
    pub(super) fn next_look(&self, most: u32) -> Option<u32> {
        LOOKS.get(self.looks.len()).copied().filter(|&round| round <= most)
    }

    /// Notes what each place holds.
    pub(super) fn look(&mut self, held: impl Iterator<Item = (u64, u64)>) {
        let mut bytes: BTreeMap<u64, u64> = BTreeMap::new();
        for (place, size) in held {
            *bytes.entry(place).or_default() += size;
        }
        self.looks.push(bytes);
    }

    /// Whether a place may turn out to be growing, so that another look is worth
    /// its rounds. What is made at first use stops after the first.
    pub(super) fn is_open(&self) -> bool {
        match &self.looks[..] {
            [] | [_] => true,
            [.., before, last] => {
                last.iter().any(|(place, bytes)| *bytes > before.get(place).copied().unwrap_or(0))
            }
        }
    }

    /// Whether a place grew from each of the last looks to the next.
    pub(super) fn grows(&self, place: u64) -> bool {
        let levels = self.levels(place);
        let Some(start) = levels.len().checked_sub(STEPS + 1) else { return false };
        levels[start..].windows(2).all(|pair| pair[0] < pair[1])
    }

    /// Whether there were looks enough to tell.
    pub(super) fn is_judged(&self) -> bool {
        self.looks.len() > STEPS || !self.is_open()
    }

    /// What a place held after each look.
    pub(super) fn levels(&self, place: u64) -> Vec<u64> {
        self.looks.iter().map(|look| look.get(&place).copied().unwrap_or(0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(levels: &[u64]) -> Growth {
        let mut growth = Growth::default();
        levels.iter().for_each(|&bytes| growth.look([(7, bytes)].into_iter()));
        growth
    }

    #[test]
    fn a_leak_grows_to_the_end() {
        assert!(growth(&[8, 16, 32, 64, 128, 256]).grows(7));
        // A buffer that doubles.
        assert!(growth(&[32, 32, 32, 64, 128, 256]).grows(7));
    }

    #[test]
    fn a_bounded_cache_stops() {
        assert!(!growth(&[8, 16, 32, 64, 80, 80]).grows(7));
        assert!(!growth(&[8, 8]).is_open());
        assert!(growth(&[8, 16]).is_open());
    }

    #[test]
    fn too_few_looks_tell_nothing() {
        assert!(!growth(&[8, 16, 32]).grows(7));
    }
}
