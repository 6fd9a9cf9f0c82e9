//! Intervals of sampled figures against a process that is drawn: the true
//! figure lies within them as often as they say, and they are no wider than
//! theory asks for.

use std::hash::{BuildHasher, RandomState};

use scrubjay_log_format::site::{BLOCK_UNITS, VARIANCE_UNITS, Weight};
use statrs::distribution::{ContinuousCDF, Gamma};

use crate::analysis::estimate::{Estimate, Sample};

const INTERVAL: u64 = 512 << 10;
/// Sites drawn of each kind: one that is fresh a seed.
const SITES: u64 = 2_500;

/// The random numbers of one seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// Above 0, at most 1.
    fn part(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Between two figures, each power of two as likely as any other.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.part())
    }
}

/// Blocks of one size; the first of them are live.
struct Group {
    size: u64,
    count: u64,
    live: u64,
}

impl Group {
    fn new(dice: &mut Dice, size: f64, count: f64) -> Self {
        let (size, count) = (size as u64, (count as u64).max(1));
        let live = (count as f64 * dice.part()) as u64;
        Self { size, count, live }
    }
}

/// Kinds of sites.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Blocks that are small beside the interval.
    Small,
    /// Blocks about as large as the interval.
    Medium,
    /// Blocks that are nearly always in the sample.
    Large,
    /// Blocks of 16 bytes to 4 MiB, each size with as many bytes.
    MixedBytes,
    /// Vectors that grow by doubling from 16 bytes to 4 MiB.
    Growing,
}

const KINDS: [Kind; 5] = [Kind::Small, Kind::Medium, Kind::Large, Kind::MixedBytes, Kind::Growing];

impl Kind {
    /// Whether a site's blocks are of one size, so that those that were seen
    /// tell how many were not.
    fn is_alike(self) -> bool {
        matches!(self, Self::Small | Self::Medium | Self::Large)
    }

    fn site(self, dice: &mut Dice) -> Vec<Group> {
        let interval = INTERVAL as f64;
        let one = |dice: &mut Dice, size: f64, samples: f64| {
            let chance = -(-size / interval).exp_m1();
            vec![Group::new(dice, size, samples / chance)]
        };
        match self {
            Self::Small => {
                let (size, samples) = (dice.between(16.0, 16e3), dice.between(0.1, 400.0));
                one(dice, size, samples)
            }
            Self::Medium => {
                let (size, samples) = (dice.between(16e3, 1e6), dice.between(0.1, 400.0));
                one(dice, size, samples)
            }
            Self::Large => {
                let (size, samples) = (dice.between(1e6, 64e6), dice.between(1.0, 400.0));
                one(dice, size, samples)
            }
            Self::MixedBytes => {
                let samples = dice.between(0.02, 40.0);
                (0..12)
                    .map(|_| {
                        let size = dice.between(16.0, 4e6);
                        Group::new(dice, size, samples * interval / size)
                    })
                    .collect()
            }
            Self::Growing => {
                let vectors = dice.between(1.0, 500.0);
                let steps = 1 + dice.next() % 19;
                let size = |step| (16_u64 << step) as f64;
                let mut site: Vec<Group> =
                    (0..steps).map(|step| Group::new(dice, size(step), vectors)).collect();
                for group in site.iter_mut().rev().skip(1) {
                    group.live = 0;
                }
                site
            }
        }
    }
}

/// A figure's truth, its estimate, and the width that theory gives.
struct Drawn {
    truth: f64,
    estimate: Estimate,
    theory: f64,
}

/// What the sum of sampled weights would be judged by whoever knows each of
/// them, and how they are spread.
#[derive(Default)]
struct Known {
    sum: f64,
    variance: f64,
    greatest: f64,
    true_variance: f64,
}

impl Known {
    /// The width of an interval: normal by the true variance where that is of
    /// many blocks, else Fay and Feuer's, which is Garwood's where all weights
    /// are the same.
    fn width(&self, unit: f64, certain: f64) -> f64 {
        let normal = 2.0 * 1.959_964 * self.true_variance.sqrt();
        if self.true_variance > 50.0 * self.greatest.max(unit).powi(2) {
            return normal;
        }
        let greatest = self.greatest.max(unit).max(f64::MIN_POSITIVE.sqrt());
        let sum = (self.sum - certain).max(0.0);
        let low = if self.variance > 0.0 && sum > 0.0 {
            let scale = self.variance / sum;
            scale * quantile(0.025, sum / scale)
        } else {
            0.0
        };
        let (sum, variance) = (sum + greatest, self.variance + greatest.powi(2));
        let scale = variance / sum;
        scale * quantile(0.975, sum / scale) - low
    }
}

fn quantile(chance: f64, shape: f64) -> f64 {
    if shape > 1e5 {
        return shape + 1.959_964 * (chance - 0.5).signum() * shape.sqrt();
    }
    Gamma::new(shape, 1.0).unwrap().inverse_cdf(chance)
}

/// Draws a site: bytes and blocks, of all or of what is live.
fn draw(dice: &mut Dice, site: &[Group], live_only: bool) -> Option<[Drawn; 2]> {
    let (mut all, mut words) = ([0_u64; 6], [0_u64; 6]);
    let (mut bytes, mut blocks) = (Known::default(), Known::default());
    let mut certain = 0.0;
    let mut truth = [0.0; 2];
    for group in site {
        let counted = if live_only { group.live } else { group.count };
        let size = group.size as f64;
        truth[0] += size * counted as f64;
        truth[1] += counted as f64;
        let chance = chance(group.size);
        let spread = (1.0 - chance) / chance;
        bytes.true_variance += size * size * spread * counted as f64;
        blocks.true_variance += spread * counted as f64;
        let weight = Weight::of(group.size, INTERVAL);
        let mut at = 0;
        loop {
            // So many blocks until the next one of the sample.
            at += (dice.part().ln() / (-chance).ln_1p()).ceil().max(1.0) as u64;
            if at > group.count {
                break;
            }
            let added = [
                1,
                group.size,
                weight.bytes,
                weight.blocks,
                weight.variance_bytes,
                weight.variance_blocks,
            ];
            for (word, added) in all.iter_mut().zip(added) {
                *word += added;
            }
            if at > counted {
                continue;
            }
            for (word, added) in words.iter_mut().zip(added) {
                *word += added;
            }
            let uncertain = (1.0 - chance).sqrt() / chance;
            for (known, unit) in [(&mut bytes, size * uncertain), (&mut blocks, uncertain)] {
                known.variance += unit * unit;
                known.greatest = known.greatest.max(unit);
            }
            bytes.sum += size / chance;
            blocks.sum += 1.0 / chance;
            certain += size / chance - size * uncertain;
        }
    }
    let [sample, kin] = [words, all].map(sample);
    if kin.count == 0.0 {
        // The log has no such site.
        return None;
    }
    let interval = INTERVAL as f64;
    // The least likely to be seen: an oracle knows it.
    let unit = site.iter().map(|group| (1.0 - chance(group.size)).sqrt() / chance(group.size));
    let unit = unit.fold(0.0, f64::max);
    Some([
        Drawn {
            truth: truth[0],
            estimate: sample.all_bytes(INTERVAL),
            theory: bytes.width(interval, certain),
        },
        Drawn {
            truth: truth[1],
            estimate: sample.all_blocks(&kin),
            theory: blocks.width(unit, 0.0),
        },
    ])
}

/// A block's chance to be in the sample.
fn chance(size: u64) -> f64 {
    -(-(size as f64) / INTERVAL as f64).exp_m1()
}

fn sample(words: [u64; 6]) -> Sample {
    let [count, bytes, estimated_bytes, estimated_blocks, variance_bytes, variance_blocks] =
        words.map(|word| word as f64);
    let interval = INTERVAL as f64;
    Sample {
        count,
        bytes,
        estimated_bytes,
        estimated_blocks: estimated_blocks / BLOCK_UNITS as f64,
        variance_bytes: variance_bytes / VARIANCE_UNITS as f64 * interval * interval,
        variance_blocks,
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    count: f64,
    within: f64,
    bias: f64,
    width: f64,
    theory: f64,
    /// The sum of width ÷ theory.
    ratio: f64,
}

impl Tally {
    fn add(&mut self, drawn: &Drawn) {
        let Estimate { value, low, high } = drawn.estimate;
        self.count += 1.0;
        let is_within = low as f64 <= drawn.truth && drawn.truth <= high as f64;
        self.within += f64::from(u8::from(is_within));
        self.bias += (value as f64 - drawn.truth) / drawn.theory.max(1.0);
        let width = (high - low) as f64;
        self.width += width;
        self.theory += drawn.theory;
        self.ratio += width / drawn.theory.max(1.0);
    }
}

fn judge(seed: u64) {
    let mut dice = Dice(seed);
    for kind in KINDS {
        for live_only in [false, true] {
            let mut tallies = [Tally::default(); 2];
            for _ in 0..SITES {
                let mut fresh = Dice(dice.next());
                let site = kind.site(&mut fresh);
                let Some(drawn) = draw(&mut fresh, &site, live_only) else { continue };
                for (tally, drawn) in tallies.iter_mut().zip(&drawn) {
                    tally.add(drawn);
                }
            }
            for (tally, what) in tallies.into_iter().zip(["bytes", "blocks"]) {
                let said = format!("seed {seed}: {kind:?} {what}, live {live_only}: {tally:?}");
                assert!(tally.bias.abs() / tally.count < 0.1, "{said}");
                if kind.is_alike() || what == "bytes" {
                    assert!(tally.within / tally.count >= 0.93, "{said}");
                    assert!(tally.ratio / tally.count <= 1.1, "{said}");
                    assert!(tally.width <= 1.1 * tally.theory.max(tally.count), "{said}");
                }
            }
        }
    }
}

#[test]
fn the_true_figure_is_within_the_interval() {
    judge(12);
}

#[test]
fn it_is_with_a_fresh_seed() {
    judge(RandomState::new().hash_one(0));
}
