//! From ticks to time.

use std::time::{SystemTime, UNIX_EPOCH};

use scrubjay_log_format::{ClockKind, process};

use super::file::LogFile;

/// What was measured of a log's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    start_ticks: u64,
    /// Nanoseconds since 1970 at the start.
    start_realtime_ns: u64,
    /// Nanoseconds a tick; `None` where the process died before it measured.
    tick_ns: Option<f64>,
}

/// Clocks of different processors disagree by up to about 70 ticks where they
/// are synchronised at all; within this time the order of two threads' events
/// is not taken from their clocks.
const DISAGREEMENT_NS: f64 = 10_000.0;
/// The same where a tick's length is unknown: a counter seldom runs faster
/// than 5 GHz.
const DISAGREEMENT_TICKS: u64 = 50_000;

impl Clock {
    /// The clock of a log, by the pair of moments in force.
    pub fn new(file: &LogFile) -> Self {
        let words = &file.process;
        let header = &file.header;
        let tick_ns = match header.clock {
            ClockKind::Monotonic => Some(1.0),
            ClockKind::Counter => {
                let sequence = words[process::CLOCK_SEQUENCE];
                let pair = process::CLOCK_PAIRS + 2 * (sequence & 1) as usize;
                let ticks = words[pair].saturating_sub(header.start_ticks);
                let ns = words[pair + 1].saturating_sub(header.start_monotonic_ns);
                (sequence > 0 && ticks > 0 && ns > 0).then(|| ns as f64 / ticks as f64)
            }
        };
        Self {
            start_ticks: header.start_ticks,
            start_realtime_ns: header.start_realtime_ns,
            tick_ns,
        }
    }

    /// Nanoseconds since the log's start; a moment before it counts as it.
    pub fn ns(&self, ticks: u64) -> Option<u64> {
        let ticks = ticks.saturating_sub(self.start_ticks);
        self.tick_ns.map(|tick_ns| (ticks as f64 * tick_ns) as u64)
    }

    /// The moment that is so many seconds after the start.
    pub fn ticks(&self, seconds: f64) -> Option<u64> {
        let ticks = seconds * 1e9 / self.tick_ns?;
        Some(self.start_ticks.saturating_add(ticks as u64))
    }

    /// This very moment, for the log of a process that runs on this machine.
    pub fn now(&self) -> Option<u64> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let ns = (since.as_nanos() as u64).saturating_sub(self.start_realtime_ns);
        self.ticks(ns as f64 / 1e9)
    }

    /// How long so many ticks are, in nanoseconds.
    pub fn span_ns(&self, ticks: u64) -> Option<u64> {
        self.tick_ns.map(|tick_ns| (ticks as f64 * tick_ns) as u64)
    }

    /// How long a tick is, in nanoseconds.
    pub fn tick_ns(&self) -> Option<f64> {
        self.tick_ns
    }

    /// Ticks within which the clocks do not decide an order.
    pub fn disagreement(&self) -> u64 {
        self.tick_ns.map_or(DISAGREEMENT_TICKS, |tick_ns| (DISAGREEMENT_NS / tick_ns) as u64)
    }

    /// The start as date and time, UTC.
    pub fn start_utc(&self) -> String {
        utc(self.start_realtime_ns / 1_000_000_000)
    }
}

/// Date and time of so many seconds since 1970, without leap seconds, as the
/// kernel counts.
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Counted in eras of 400 years that begin on 1 March, so that the leap day
    // is the last day of a year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn dates_are_those_of_the_gregorian_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_795_233_600), "2026-11-21 04:00:00 UTC");
        assert_eq!(utc(4_107_542_400), "2100-03-01 00:00:00 UTC");
    }
}
