//! Estimates are right in the mean, and as far off as they say: of what was
//! allocated and of what is live, also where blocks grow, and where another
//! thread frees them.
//!
//! Each deviation is measured by the true standard deviation of its estimate.
//! Of so many their mean is 0 and the mean of their squares 1. How far off either
//! may be is known beforehand, not judged by the draw: where a block of hundreds
//! is missed once in a thousand times, a draw without it looks far too narrow.

use scrubjay_log_format::site::{self, BLOCK_UNITS, VARIANCE_UNITS};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::harness;
use scrubjay_tests::log::{Log, SiteCounters};
use scrubjay_tests::made;

use crate::plan::{INTERVAL, SITES, Site, Way, chance};
use crate::runs;

/// Beyond so many standard errors a right estimate comes less than once in
/// 100,000 times.
const ERRORS_MAX: f64 = 5.0;

pub fn test() {
    for way in [Way::Plain, Way::Grown, Way::HandedOver] {
        let mut figures: [Deviations; 3] = Default::default();
        for _ in 0..harness::count(13, 80) {
            let folder = Folder::new();
            let log = Log::read(&runs::run(module_path!(), way, &folder));
            for number in 0..SITES {
                take_in(&mut figures, &log, number, way);
            }
        }
        for (name, figure) in
            ["allocated bytes", "allocated blocks", "live bytes"].iter().zip(figures)
        {
            figure.check(&format!("{way:?}, {name}"));
        }
    }
}

pub fn child(arguments: &[String]) {
    runs::child(arguments);
}

/// A site's figures, of the sums that its samples have in the log.
fn take_in(figures: &mut [Deviations; 3], log: &Log, number: usize, way: Way) {
    let name = made::name(number);
    let site = Site::of(number, way);
    let (allocated, live) = (site.allocated(), site.live());
    let bytes = |groups: &[(usize, usize)]| -> u64 {
        groups.iter().map(|(size, count)| (size * count) as u64).sum()
    };
    // The ledger does not sample.
    let ledger = log.ledger(&name);
    assert_eq!(ledger.allocated_bytes, bytes(&allocated), "{name}");
    assert_eq!(ledger.allocated_bytes - ledger.freed_bytes, bytes(&[live]), "{name}");

    let sampled = sampled(log, log.tag(&name));
    let of = |word: usize| sampled[word] as f64;
    let interval = (INTERVAL * INTERVAL) as f64 / VARIANCE_UNITS as f64;
    let units = BLOCK_UNITS as f64;
    figures[0].add(
        of(site::ESTIMATED_ALLOCATED_BYTES) - bytes(&allocated) as f64,
        of(site::VARIANCE_ALLOCATED_BYTES) * interval,
        Spread::of(&allocated, |size| size),
    );
    let blocks: usize = allocated.iter().map(|(_, count)| count).sum();
    figures[1].add(
        of(site::ESTIMATED_ALLOCATED_BLOCKS) / units - blocks as f64,
        of(site::VARIANCE_ALLOCATED_BLOCKS),
        Spread::of(&allocated, |_| 1.0),
    );
    figures[2].add(
        of(site::ESTIMATED_ALLOCATED_BYTES)
            - of(site::ESTIMATED_FREED_BYTES)
            - bytes(&[live]) as f64,
        (of(site::VARIANCE_ALLOCATED_BYTES) - of(site::VARIANCE_FREED_BYTES)) * interval,
        Spread::of(&[live], |size| size),
    );
}

/// The counters of a tag's sampled sites together.
fn sampled(log: &Log, tag: u32) -> SiteCounters {
    let mut sums = SiteCounters::default();
    for declared in log.sites.values().filter(|declared| declared.tag == tag) {
        assert!(declared.has(site::FLAG_SAMPLED), "{declared:?}");
        for (sum, counter) in sums.iter_mut().zip(log.site_counters[&declared.index]) {
            *sum += counter;
        }
    }
    sums
}

/// How an estimate spreads around the truth: its second and fourth cumulant.
#[derive(Clone, Copy, Debug, Default)]
struct Spread {
    variance: f64,
    fourth: f64,
}

impl Spread {
    /// Of blocks of these sizes and counts, each of which is in the sample by
    /// itself and then stands for many of a weight.
    fn of(groups: &[(usize, usize)], weight: impl Fn(f64) -> f64) -> Self {
        let mut sum = Self::default();
        for &(size, count) in groups {
            let chance = chance(size as u64);
            let (one, count) = (weight(size as f64) / chance, count as f64);
            let variance = chance * (1.0 - chance);
            sum.variance += count * one.powi(2) * variance;
            sum.fourth += count * one.powi(4) * variance * (1.0 - 6.0 * variance);
        }
        sum
    }

    /// The variance of the square of a deviation, in units of the variance.
    fn of_squares(self) -> f64 {
        2.0 + self.fourth / self.variance.powi(2)
    }
}

/// How far off estimates of one kind are.
#[derive(Debug, Default)]
struct Deviations {
    count: f64,
    sum: f64,
    /// Squares, each weighted by how little it spreads, and the weights.
    squares: f64,
    weights: f64,
    stated_variance: f64,
    true_variance: f64,
}

impl Deviations {
    fn add(&mut self, deviation: f64, stated_variance: f64, truth: Spread) {
        let relative = deviation / truth.variance.sqrt();
        let weight = 1.0 / truth.of_squares();
        self.count += 1.0;
        self.sum += relative;
        self.squares += weight * relative.powi(2);
        self.weights += weight;
        self.stated_variance += stated_variance;
        self.true_variance += truth.variance;
    }

    fn check(&self, what: &str) {
        let errors = self.sum / self.count.sqrt();
        let square = self.squares / self.weights;
        let square_errors = (square - 1.0) * self.weights.sqrt();
        let stated = self.stated_variance / self.true_variance;
        println!(
            "{what}: {} estimates, mean {:.3} standard deviations off ({errors:.1} standard \
             errors), mean square {square:.3} ({square_errors:.1}), stated variance {stated:.3} of \
             the true one",
            self.count,
            self.sum / self.count,
        );
        assert!(errors.abs() < ERRORS_MAX, "{what}: biased by {errors:.1} standard errors");
        assert!(square_errors.abs() < ERRORS_MAX, "{what}: the mean square is {square:.3}");
        assert!((stated - 1.0).abs() < 0.1, "{what}: stated variance {stated:.3} of the true one");
    }
}
