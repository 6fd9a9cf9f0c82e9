//! How often a tool is right.

use std::fmt;

use scrubjay_corpus::Case;

use super::verdict::Verdict;

/// A tool's verdict of a case, beside the truth.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    /// The case.
    pub case: &'static Case,
    /// What the tool says.
    pub verdict: Verdict,
    /// The time of rounds, as a multiple of that without a tool.
    pub rounds: f64,
    /// The same of the process.
    pub process: f64,
}

impl Judged {
    /// Whether a leak was found.
    pub fn is_hit(&self) -> bool {
        self.case.is_leak() && self.verdict.is_alarm
    }

    /// Whether a leak was not found.
    pub fn is_miss(&self) -> bool {
        self.case.is_leak() && !self.verdict.is_alarm
    }

    /// Whether a trap was taken for a leak.
    pub fn is_false_alarm(&self) -> bool {
        !self.case.is_leak() && self.verdict.is_alarm
    }
}

/// How often a tool is right, and what it costs.
#[derive(Debug, PartialEq)]
pub struct Score {
    found: usize,
    missed: usize,
    false_alarms: usize,
    /// Of the leaks that were found, those whose site is right; none where the
    /// tool knows no sites.
    right_sites: Option<usize>,
    rounds: f64,
    process: f64,
}

impl Score {
    /// The score of these verdicts.
    pub fn of<'a>(judged: impl Iterator<Item = &'a Judged>) -> Self {
        let judged: Vec<&Judged> = judged.collect();
        let count =
            |is_meant: fn(&Judged) -> bool| judged.iter().filter(|one| is_meant(one)).count();
        let knows_sites = judged.iter().any(|one| one.verdict.site.is_some());
        let right_sites = count(|one| one.is_hit() && one.verdict.site == Some(true));
        Self {
            found: count(Judged::is_hit),
            missed: count(Judged::is_miss),
            false_alarms: count(Judged::is_false_alarm),
            right_sites: knows_sites.then_some(right_sites),
            rounds: median(judged.iter().map(|one| one.rounds).collect()),
            process: median(judged.iter().map(|one| one.process).collect()),
        }
    }

    /// Of its alarms, those that were leaks.
    fn precision(&self) -> f64 {
        share(self.found, self.found + self.false_alarms)
    }

    /// Of the leaks, those that it found.
    fn recall(&self) -> f64 {
        share(self.found, self.found + self.missed)
    }

    /// The harmonic mean of the two.
    fn f1(&self) -> f64 {
        share(2 * self.found, 2 * self.found + self.missed + self.false_alarms)
    }
}

/// The cells of a row behind the tool's name.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} | {:.2} | {:.2} | ", self.precision(), self.recall(), self.f1())?;
        match self.right_sites {
            Some(right) => write!(f, "{right}/{}", self.found)?,
            None => write!(f, "none")?,
        }
        write!(f, " | {:.1} | {:.1}", self.rounds, self.process)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_counts_what_was_found_missed_and_made_up() {
        let leak = scrubjay_corpus::case("into_raw").unwrap();
        let trap = scrubjay_corpus::case("tagged").unwrap();
        let judged = |case, is_alarm, is_right, rounds| Judged {
            case,
            verdict: Verdict { is_alarm, site: Some(is_right) },
            rounds,
            process: 1.0,
        };
        let all = [
            judged(leak, true, true, 1.0),
            judged(leak, true, false, 2.0),
            judged(leak, false, true, 30.0),
            judged(trap, true, true, 2.0),
            judged(trap, false, true, 40.0),
        ];
        assert_eq!(Score::of(all.iter()).to_string(), "0.67 | 0.67 | 0.67 | 1/2 | 2.0 | 1.0");
    }
}
