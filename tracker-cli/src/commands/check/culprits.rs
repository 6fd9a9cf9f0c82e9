//! Who took the most of what a broken line limits.

use super::Arguments;
use super::answer::{Check, Row};
use crate::analysis::damage::Damages;
use crate::analysis::held::Held;
use crate::analysis::peak::{self, Peaks, Until};
use crate::budget::Figure;
use crate::commands::question::Asked;
use crate::commands::reading::Reading;
use crate::commands::sites::{Order, SiteRows};
use crate::error::Error;
use crate::session::Session;

/// Broken lines whose sites are named; each peak is a way through the journal.
const NAMED_MAX: usize = 10;

/// The sites of broken lines, as they are found.
pub struct Culprits<'c> {
    asked: &'c Asked,
    peaks: Option<&'c Peaks>,
    arguments: &'c Arguments,
    found: Vec<Found>,
}

struct Found {
    line: usize,
    tag: Option<u32>,
    order: Order,
    held: Held,
    /// When that was noted, in ticks, where it is another moment than the peak.
    noted: Option<u64>,
}

impl<'c> Culprits<'c> {
    /// None as yet.
    pub fn new(asked: &'c Asked, peaks: Option<&'c Peaks>, arguments: &'c Arguments) -> Self {
        Self { asked, peaks, arguments, found: Vec::new() }
    }

    /// Finds those of a line.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub fn look_for(
        &mut self,
        row: &Row,
        session: &Session<'_>,
        damages: &mut Damages,
    ) -> Result<(), Error> {
        if self.found.len() == NAMED_MAX {
            return Ok(());
        }
        let Asked { file, ledger, .. } = self.asked;
        let tag = row.index;
        let is_allocations = row.figure == Figure::Allocations;
        let order = if is_allocations { Order::Blocks } else { Order::Bytes };
        let mut noted = None;
        let held = if ledger.sites.count() == 0 {
            Held::unknown("this log has no stacks; modes sample and journal record them")
        } else if row.figure == Figure::Live {
            Held::by_counters(file, ledger)
        } else if row.figure != Figure::Peak {
            Held::ever(file, ledger)
        } else if let Some(peaks) = self.peaks {
            let progress = session.progress("going to a peak", file);
            let until = Until::Peak(peaks.of(tag));
            let moment = peak::moment(file, ledger, until, false, &progress)?;
            damages.merge(moment.damages);
            Held::by_journal(ledger, &moment.sites)
        } else {
            match Held::at_peak(file, ledger, tag) {
                Some((held, ticks)) => {
                    noted = Some(ticks);
                    held
                }
                None => Held::unknown("it was not noted at this peak"),
            }
        };
        self.found.push(Found { line: row.line, tag, order, held, noted });
        Ok(())
    }

    /// Names all that were found, their stacks read at one go.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub fn name(
        self,
        check: &mut Check,
        session: &mut Session<'_>,
        damages: &mut Damages,
    ) -> Result<(), Error> {
        let sites = self.arguments.sites();
        if self.found.is_empty() {
            return Ok(());
        }
        let held = self.found.iter().flat_map(|found| found.held.of_tag(found.tag));
        let reading = Reading::new(self.asked, held, &sites.symbols, session, damages)?;
        for found in &self.found {
            for line in &found.held.unsettled {
                session.say(line);
            }
            let Found { held, tag, order, .. } = found;
            let rows = SiteRows::read(held, self.asked, *tag, *order, &sites, &reading);
            let at_ns = found.noted.and_then(|ticks| self.asked.clock.ns(ticks));
            check.add_sites(found.line, rows.noted_at(at_ns));
        }
        Ok(())
    }
}
