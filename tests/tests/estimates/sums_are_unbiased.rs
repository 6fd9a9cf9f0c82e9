//! Estimates are right in the mean, and as far off as they say: of what was
//! allocated and of what is live, also where blocks grow, and where another
//! thread frees them.
//!
//! Each deviation is measured by the true standard deviation of its estimate.
//! Of so many their mean is 0 and the mean of their squares 1.

use scrubjay_log_format::site::{self, BLOCK_UNITS, VARIANCE_UNITS};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::harness;
use scrubjay_tests::log::{Log, SiteCounters};
use scrubjay_tests::made;

use crate::plan::{INTERVAL, SITES, Site, Way, chance};
use crate::runs;

/// Beyond so many standard errors a right estimate comes once in 15,000 times.
const ERRORS_MAX: f64 = 4.0;

pub fn test() {
    for way in [Way::Plain, Way::Grown, Way::HandedOver] {
        let mut figures: [Deviations; 3] = Default::default();
        for _ in 0..harness::count(8, 80) {
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
    let variance = |groups: &[(usize, usize)], of_bytes: bool| -> f64 {
        let of_group = |&(size, count): &(usize, usize)| {
            let chance = chance(size as u64);
            let size = if of_bytes { size as f64 } else { 1.0 };
            size * size * count as f64 * (1.0 - chance) / chance
        };
        groups.iter().map(of_group).sum()
    };
    figures[0].add(
        of(site::ESTIMATED_ALLOCATED_BYTES) - bytes(&allocated) as f64,
        of(site::VARIANCE_ALLOCATED_BYTES) * interval,
        variance(&allocated, true),
    );
    let blocks: usize = allocated.iter().map(|(_, count)| count).sum();
    figures[1].add(
        of(site::ESTIMATED_ALLOCATED_BLOCKS) / units - blocks as f64,
        of(site::VARIANCE_ALLOCATED_BLOCKS),
        variance(&allocated, false),
    );
    figures[2].add(
        of(site::ESTIMATED_ALLOCATED_BYTES)
            - of(site::ESTIMATED_FREED_BYTES)
            - bytes(&[live]) as f64,
        (of(site::VARIANCE_ALLOCATED_BYTES) - of(site::VARIANCE_FREED_BYTES)) * interval,
        variance(&[live], true),
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

/// How far off estimates of one kind are.
#[derive(Debug, Default)]
struct Deviations {
    count: f64,
    sum: f64,
    squares: f64,
    fourths: f64,
    stated_variance: f64,
    true_variance: f64,
}

impl Deviations {
    fn add(&mut self, deviation: f64, stated_variance: f64, true_variance: f64) {
        let relative = deviation / true_variance.sqrt();
        self.count += 1.0;
        self.sum += relative;
        self.squares += relative.powi(2);
        self.fourths += relative.powi(4);
        self.stated_variance += stated_variance;
        self.true_variance += true_variance;
    }

    fn check(&self, what: &str) {
        let errors = self.sum / self.count.sqrt();
        let square = self.squares / self.count;
        let spread = (self.fourths / self.count - square.powi(2)).sqrt();
        let square_errors = (square - 1.0) * self.count.sqrt() / spread;
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
