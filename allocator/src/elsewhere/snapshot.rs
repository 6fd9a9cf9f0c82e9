//! The ledger's figures at one moment, for the program itself.

use scrubjay_log_format::TagClass;
use scrubjay_log_format::cell::WORD_COUNT;

use super::{begin, lacks, ledger};
use crate::config::Config;
use crate::report::{Report, TagStats};
use crate::tag;

/// What each tag holds now. Allocates; costs some µs.
pub fn tags() -> Vec<TagStats> {
    Report::now().tags
}

impl Report {
    /// Takes a snapshot. Allocates (the report itself, under the caller's
    /// tag) and never blocks.
    ///
    /// On this target peaks are exact, threads are not told apart
    /// (`thread_count` is 0), and what made up the peak is not known
    /// (`peak_tags` is empty).
    pub fn now() -> Self {
        lacks::say();
        begin::begin(&Config::new());
        let mut total = [0_u64; WORD_COUNT];
        let mut report = Self::empty();
        report.tags.reserve_exact(tag::count() as usize);
        for index in 0..tag::count() {
            let (words, peak) = ledger::read(index);
            for (total, word) in total.iter_mut().zip(&words) {
                *total = total.wrapping_add(*word);
            }
            let is_secret = tag::class(index) == TagClass::Secret;
            let name = tag::name_or_unknown(index);
            report.tags.push(TagStats::new(name, is_secret, &words, [0, 0], peak));
        }
        report.total = TagStats::new("total", false, &total, [0, 0], ledger::peak());
        report.corruption_count = ledger::corruption_count();
        report
    }
}
