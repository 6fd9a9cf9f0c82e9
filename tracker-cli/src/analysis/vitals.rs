//! What the kernel said of the process, as a log has it.

use std::collections::BTreeMap;

use scrubjay_log_format::vitals::{self as format, KNOWS_MALLOC, KNOWS_PARTS};
use scrubjay_log_format::{FormatError, Vitals};

use super::damage::{Damage, Damages};

/// The samples of a log.
#[derive(Debug, Default)]
pub struct Samples {
    /// By number.
    samples: BTreeMap<u64, Vitals>,
    /// By place, of those that have a meaning.
    places: BTreeMap<u32, Vitals>,
    /// Those that are not whole.
    damages: Vec<Damage>,
}

/// A part of what is resident, or of what is live and is not: bytes that lead from
/// the heap's figure to the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What they are.
    pub what: &'static str,
    /// How many more the kernel has for it; below zero what it has not.
    pub bytes: i64,
}

impl Samples {
    /// Takes in the record at a place.
    pub fn record(&mut self, index: u32, (chunk, offset): (u32, u64), record: &[u8]) {
        match Vitals::decode(record) {
            Ok(None) => {}
            Ok(Some(sample)) => {
                self.samples.insert(sample.0[format::NUMBER], sample);
                if index < format::RING {
                    self.places.insert(index, sample);
                }
            }
            Err(error) => self.damages.push(damage(index, chunk, offset, error)),
        }
    }

    /// Tells what is damaged. Where the process counted on meanwhile, a record that is
    /// not whole was being written.
    pub fn settle(&mut self, is_moving: bool, damages: &mut Damages) {
        for damage in self.damages.drain(..).filter(|_| !is_moving) {
            damages.add(damage);
        }
    }

    /// Over time, the first first.
    pub fn all(&self) -> impl Iterator<Item = &Vitals> {
        self.samples.values()
    }

    /// The last one.
    pub fn newest(&self) -> Option<&Vitals> {
        self.samples.values().next_back()
    }

    /// That at the heap's peak.
    pub fn at_peak(&self) -> Option<&Vitals> {
        self.with_meaning(format::PEAK)
    }

    /// The last one with parts.
    pub fn newest_with_parts(&self) -> Option<&Vitals> {
        self.with_meaning(format::PARTS)
    }

    /// Of those with parts that with the most resident bytes.
    pub fn greatest(&self) -> Option<&Vitals> {
        self.with_meaning(format::GREATEST)
    }

    /// The newer one of two places that take turns.
    fn with_meaning(&self, first: u32) -> Option<&Vitals> {
        let both = self.places.range(first..first + 2).map(|(_, sample)| sample);
        both.max_by_key(|sample| sample.0[format::NUMBER])
    }
}

fn damage(index: u32, chunk: u32, offset: u64, error: FormatError) -> Damage {
    Damage { offset, chunk, what: format!("vitals {index}: {error}") }
}

/// What leads from the live bytes of the heap to what is resident: their sum is the
/// difference. `None` where the parts are not known.
pub fn steps(sample: &Vitals) -> Option<Vec<Step>> {
    const TRAILER_SIZE: i64 = 8;
    let word = |index: usize| i64::try_from(sample.0[index]).unwrap_or(i64::MAX);
    let less = |from: i64, what: i64| from.saturating_sub(what);
    if !sample.knows(KNOWS_PARTS) {
        return None;
    }
    let live = word(format::LIVE_BYTES);
    let trailers = word(format::LIVE_BLOCKS).saturating_mul(TRAILER_SIZE);
    let (large, kept) = (word(format::LARGE_LIVE_BYTES), word(format::KEPT_BYTES));
    let heap = word(format::HEAP_BYTES);
    let other = word(format::OTHER_BYTES);
    // What of live blocks stands on the C library's heap, if that is the inner one.
    let small = less(live.saturating_add(trailers), large);
    let touched = less(less(word(format::LARGE_BYTES), large), kept);
    let mut steps = vec![
        ("trailers behind blocks", trailers),
        (by_sign(touched, "large blocks' rest", "large blocks' pages, never touched"), touched),
        ("pages kept for blocks that will grow", kept),
    ];
    let (used, mapped) = (word(format::MALLOC_USED_BYTES), word(format::MALLOC_MAPPED_BYTES));
    let handed_out = used.saturating_add(mapped);
    // Else the blocks are another allocator's.
    if sample.knows(KNOWS_MALLOC) && handed_out >= less(small, small / 16) {
        let (free, rest) = (less(heap, used), less(other, mapped));
        steps.extend([
            ("rounding, and blocks of C code", less(handed_out, small)),
            (by_sign(free, "free memory on the C heap", "blocks' pages, never touched"), free),
            (by_sign(rest, "other anonymous memory", "mapped blocks' pages, never touched"), rest),
        ]);
    } else {
        let rest = less(heap.saturating_add(other), small);
        steps.push(("rounding, free memory, and C code: not told apart", rest));
    }
    steps.extend([
        ("stacks", word(format::STACK_BYTES)),
        ("the program and its libraries", word(format::PROGRAM_BYTES)),
        ("mapped files", word(format::MAPPED_FILE_BYTES)),
        ("shared memory", word(format::OTHER_SHARED_BYTES)),
        ("the log", word(format::LOG_BYTES)),
        ("scrubjay's tables", word(format::OWN_BYTES)),
    ]);
    let steps = steps.into_iter().filter(|&(_, bytes)| bytes != 0);
    Some(steps.map(|(what, bytes)| Step { what, bytes }).collect())
}

fn by_sign(bytes: i64, more: &'static str, less: &'static str) -> &'static str {
    if bytes < 0 { less } else { more }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(words: &[(usize, u64)]) -> Vitals {
        let mut sample = Vitals([0; format::WORD_COUNT]);
        sample.0[format::KNOWN] = KNOWS_PARTS;
        for &(word, value) in words {
            sample.0[word] = value;
        }
        sample
    }

    fn sum(sample: &Vitals) -> i64 {
        steps(sample).unwrap().iter().map(|step| step.bytes).sum()
    }

    fn of(sample: &Vitals, what: &str) -> Option<i64> {
        let found = steps(sample).unwrap().into_iter().find(|step| step.what == what);
        found.map(|step| step.bytes)
    }

    #[test]
    fn the_steps_lead_from_the_heap_to_the_kernel() {
        let mut known = sample(&[
            (format::LIVE_BYTES, 1_000_000),
            (format::LIVE_BLOCKS, 100),
            (format::LARGE_LIVE_BYTES, 600_000),
            (format::LARGE_BYTES, 250_000),
            (format::KEPT_BYTES, 50_000),
            (format::HEAP_BYTES, 700_000),
            (format::OTHER_BYTES, 90_000),
            (format::STACK_BYTES, 3_000),
            (format::MAPPED_FILE_BYTES, 5_000),
            (format::LOG_BYTES, 7_000),
            (format::MALLOC_USED_BYTES, 500_000),
            (format::MALLOC_MAPPED_BYTES, 10_000),
        ]);
        let difference = known.part_bytes() as i64 - 1_000_000;
        assert_eq!(sum(&known), difference);
        let rest = "rounding, free memory, and C code: not told apart";
        assert_eq!(of(&known, rest), Some(790_000 - 400_800));
        known.0[format::KNOWN] |= KNOWS_MALLOC;
        assert_eq!(sum(&known), difference);
        assert_eq!(of(&known, rest), None);
        assert_eq!(of(&known, "large blocks' pages, never touched"), Some(-400_000));
        assert_eq!(of(&known, "free memory on the C heap"), Some(200_000));
        assert_eq!(of(&known, "rounding, and blocks of C code"), Some(510_000 - 400_800));
        assert_eq!(of(&known, "other anonymous memory"), Some(80_000));
        // Another allocator's blocks are none of the C library's.
        known.0[format::MALLOC_USED_BYTES] = 1_000;
        assert_eq!((sum(&known), of(&known, rest).is_some()), (difference, true));
        known.0[format::KNOWN] = 0;
        assert_eq!(steps(&known), None);
    }
}
