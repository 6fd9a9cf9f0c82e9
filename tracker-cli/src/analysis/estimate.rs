//! What a sample says of all: estimates, each with its interval.
//!
//! A block of *s* bytes is in the sample with the chance *p* = 1 − exp(−*s* ÷
//! *R*): a Poisson process along the allocated bytes, at a mean distance *R*.
//! Each sampled block stands for 1 ÷ *p* blocks of its kind (Horvitz and
//! Thompson 1952), so sums of weights are unbiased, and so are those of what
//! they add to the variance. Blocks are sampled independently of each other.
//!
//! The interval of bytes divides a figure into what is certain and what counts like
//! Poisson events of one unit each. For bytes the unit is the distance: a small
//! block adds *R* to the figure and *R*² to the variance, a large one its size
//! and next to nothing. What is left after variance ÷ *R* is certain; the rest
//! has Garwood's exact interval (1936), the one of Fay and Feuer (1997) at
//! counts that are no integers. So it is exact where small blocks are counted,
//! nothing but the blocks themselves where large ones are, and normal where
//! there are many of either. Blocks come in as many units as there are sizes;
//! theirs is Fay and Feuer's by what the seen ones stand for.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Gamma, Normal};

/// Chance that the true figure is beyond an interval, on either side.
const TAIL: f64 = 0.025;
/// From this shape on the cube root of a gamma variable is as good as normal
/// (Wilson and Hilferty 1931): the quantile is right to a millionth.
const LARGE_SHAPE: f64 = 10_000.0;

/// What the sampled blocks of a site add up to, or of several sites.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// How many they are.
    pub count: f64,
    /// Their own bytes.
    pub bytes: f64,
    /// Their bytes, each block's divided by its chance.
    pub estimated_bytes: f64,
    /// Likewise the blocks.
    pub estimated_blocks: f64,
    /// The variance of the estimated bytes.
    pub variance_bytes: f64,
    /// The variance of the estimated blocks.
    pub variance_blocks: f64,
}

/// A figure and the interval in which it is with a chance of 95 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Estimate {
    pub value: u64,
    pub low: u64,
    pub high: u64,
}

impl Sample {
    /// Takes in the blocks of another site.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.bytes += other.bytes;
        self.estimated_bytes += other.estimated_bytes;
        self.estimated_blocks += other.estimated_blocks;
        self.variance_bytes += other.variance_bytes;
        self.variance_blocks += other.variance_blocks;
    }

    /// All bytes that the sample stands for.
    pub fn all_bytes(&self, interval: u64) -> Estimate {
        let unit = interval.max(1) as f64;
        let (low, high) = bounds(self.estimated_bytes, self.variance_bytes, unit);
        // What was seen is there.
        Estimate::new(self.estimated_bytes, low.max(self.bytes), high.max(self.bytes))
    }

    /// All blocks that the sample stands for. What an unseen one would stand
    /// for is taken from those that were seen, of `kin`: the same site's, live
    /// or not. So the interval holds where a site's blocks are alike; small
    /// ones beside large ones, of which no one was ever seen, are not in it.
    pub fn all_blocks(&self, kin: &Self) -> Estimate {
        let unit = self.block_unit().max(kin.block_unit());
        let variance = self.block_variance();
        let (low, high) = weighted_bounds(self.estimated_blocks, variance, unit);
        Estimate::new(self.estimated_blocks, low.max(self.count), high.max(self.count))
    }

    /// What an event adds to figure and variance, if all add the same.
    fn block_unit(&self) -> f64 {
        let blocks = self.estimated_blocks;
        if blocks > 0.0 { self.block_variance() / blocks } else { 0.0 }
    }

    /// The variance of the estimated blocks. What one block adds is rounded to
    /// nothing where nearly all are in the sample; weights of the same sum are
    /// never less spread than equal ones.
    fn block_variance(&self) -> f64 {
        if self.count <= 0.0 {
            // Not known of a peak, where there is the sum alone.
            return self.variance_blocks;
        }
        let equal = self.estimated_blocks * (self.estimated_blocks / self.count - 1.0);
        self.variance_blocks.max(equal)
    }
}

impl Estimate {
    fn new(value: f64, low: f64, high: f64) -> Self {
        Self { value: value.round() as u64, low: low.floor() as u64, high: high.ceil() as u64 }
    }

    /// Adds what is known to what is estimated.
    pub fn plus(self, known: u64) -> Self {
        let add = |figure: u64| figure.saturating_add(known);
        Self { value: add(self.value), low: add(self.low), high: add(self.high) }
    }
}

/// The interval of a figure of this variance, whose uncertain part comes in
/// units.
fn bounds(figure: f64, variance: f64, unit: f64) -> (f64, f64) {
    if unit <= 0.0 {
        return (figure, figure);
    }
    let count = (variance / (unit * unit)).max(0.0);
    let certain = (figure - count * unit).max(0.0);
    let low = if count > 0.0 { quantile(TAIL, count) } else { 0.0 };
    let high = quantile(1.0 - TAIL, count + 1.0);
    (certain + unit * low, certain + unit * high)
}

/// The interval of Fay and Feuer: of a figure with this variance, where an
/// unseen event would add `unseen`.
fn weighted_bounds(figure: f64, variance: f64, unseen: f64) -> (f64, f64) {
    let gamma = |chance: f64, mean: f64, variance: f64| {
        if variance <= 0.0 {
            mean
        } else {
            variance / mean * quantile(chance, mean * mean / variance)
        }
    };
    let high = gamma(1.0 - TAIL, figure + unseen, variance + unseen * unseen);
    (gamma(TAIL, figure, variance), high)
}

/// The quantile of the gamma distribution of this shape and scale 1; half the
/// chi-square's of twice the shape in degrees of freedom.
fn quantile(chance: f64, shape: f64) -> f64 {
    if shape < LARGE_SHAPE {
        return Gamma::new(shape, 1.0).map_or(shape, |gamma| gamma.inverse_cdf(chance));
    }
    let normal = Normal::standard().inverse_cdf(chance);
    let ninth = 1.0 / (9.0 * shape);
    shape * (1.0 - ninth + normal * ninth.sqrt()).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Percentage points of chi-square, halved, from the tables for Poisson
    /// counts (Garwood 1936).
    #[test]
    fn small_counts_have_the_exact_interval() {
        let table = [
            (0, 0.0, 3.688_879),
            (1, 0.025_318, 5.571_643),
            (2, 0.242_209, 7.224_688),
            (10, 4.795_389, 18.390_36),
            (100, 81.363_99, 121.627_2),
        ];
        for (count, low, high) in table {
            let (found_low, found_high) = bounds(f64::from(count), f64::from(count), 1.0);
            assert!((found_low - low).abs() < 1e-3, "{count}: {found_low}");
            assert!((found_high - high).abs() < 1e-3, "{count}: {found_high}");
        }
    }

    #[test]
    fn large_counts_have_the_normal_interval() {
        for count in [9_999.0, 10_001.0, 1e9, 1e15] {
            let (low, high) = bounds(count, count, 1.0);
            let expected = 2.0 * 1.959_964 * f64::sqrt(count);
            let relative = (high - low) / expected;
            assert!((0.999..1.01).contains(&relative), "{count}: {low} to {high}");
        }
        let near = [quantile(TAIL, LARGE_SHAPE - 0.01), quantile(TAIL, LARGE_SHAPE)];
        assert!((near[1] - near[0]).abs() < 0.02, "{near:?}");
    }

    #[test]
    fn nothing_seen_has_an_upper_bound() {
        let none = Sample::default().all_bytes(1 << 19);
        assert_eq!((none.value, none.low, none.high), (0, 0, 1_934_036));
    }

    #[test]
    fn large_blocks_are_certain_but_for_what_was_not_seen() {
        let gigabyte = (1_u64 << 30) as f64;
        let seen = Sample {
            count: 1.0,
            bytes: gigabyte,
            estimated_bytes: gigabyte,
            estimated_blocks: 1.0,
            ..Sample::default()
        };
        let bytes = seen.all_bytes(1 << 19);
        assert_eq!((bytes.value, bytes.low), (1 << 30, 1 << 30));
        assert_eq!(bytes.high, (1 << 30) + 1_934_036);
        assert_eq!(seen.all_blocks(&seen), Estimate { value: 1, low: 1, high: 1 });
    }
}
