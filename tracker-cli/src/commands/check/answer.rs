//! What a run took, line by line of its budget.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Arguments;
use crate::amount::Share;
use crate::analysis::run::End;
use crate::analysis::tag_sums::OWN_TAG;
use crate::analysis::taken::{Amount, Run, Taken};
use crate::budget::{Budget, Figure, Line};
use crate::commands::question::Asked;
use crate::commands::sites::SiteRows;
use crate::error::Error;
use crate::output::Output;
use crate::session::Session;
use crate::text;

/// Budgets of so many lines are listed whole.
const LISTED_MAX: usize = 24;
/// Tags without a budget that are named.
const NAMED_MAX: usize = 10;

/// Whether a line holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It does.
    Holds,
    /// The limit lies within the bound of the figure.
    Unclear,
    /// It does not.
    Broken,
}

/// A run, held against its budget.
#[derive(Serialize)]
pub struct Check {
    budget: PathBuf,
    end: End,
    /// "journal" (exact) or "ledger".
    peaks_source: &'static str,
    broken_count: usize,
    unclear_count: usize,
    lines: Vec<Row>,
    tags_without_budget: Vec<Unlimited>,
    budgets_without_tag: Vec<Absent>,
}

/// One line of the budget.
#[derive(Serialize)]
pub struct Row {
    /// Where it stands in the file.
    pub line: usize,
    /// Null for the process.
    tag: Option<String>,
    #[serde(skip)]
    pub index: Option<u32>,
    pub figure: Figure,
    budget: u64,
    #[serde(rename = "tolerance_percent", serialize_with = "as_percent")]
    tolerance: Share,
    limit: u64,
    #[serde(flatten)]
    amount: Amount,
    /// When the peak was.
    at_ns: Option<u64>,
    verdict: Verdict,
    #[serde(flatten)]
    sites: Option<SiteRows>,
}

/// A tag of the run that no line limits.
#[derive(Serialize)]
struct Unlimited {
    tag: String,
    peak: u64,
    live: u64,
    allocated: u64,
    allocations: u64,
}

/// A tag of the budget that is not in the run.
#[derive(Serialize)]
struct Absent {
    tag: String,
    line: usize,
}

fn as_percent<S: serde::Serializer>(share: &Share, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_f64(share.percent())
}

impl Verdict {
    fn new(amount: Amount, limit: u64) -> Self {
        match limit {
            _ if amount.low > limit => Self::Broken,
            _ if amount.high > limit => Self::Unclear,
            _ => Self::Holds,
        }
    }
}

impl Check {
    /// Holds a run against a budget.
    pub fn new(path: &Path, budget: &Budget, asked: &Asked, run: &Run, is_exact: bool) -> Self {
        let lines: Vec<Row> = budget.lines.iter().map(|line| Row::new(line, asked, run)).collect();
        let count = |verdict| lines.iter().filter(|row| row.verdict == verdict).count();
        let has_budget = |tag: &str| budget.tags.iter().any(|(known, _)| known == tag);
        let unlimited = run.tags.iter().filter(|(tag, _)| !has_budget(tag) && *tag != OWN_TAG);
        let absent = budget.tags.iter().filter(|(tag, _)| !run.tags.contains_key(tag));
        Self {
            budget: path.to_path_buf(),
            end: End::of(&asked.file),
            peaks_source: if is_exact { "journal" } else { "ledger" },
            broken_count: count(Verdict::Broken),
            unclear_count: count(Verdict::Unclear),
            lines,
            tags_without_budget: unlimited
                .map(|(tag, (_, taken))| Unlimited::new(tag, taken))
                .collect(),
            budgets_without_tag: absent
                .map(|(tag, line)| Absent { tag: tag.clone(), line: *line })
                .collect(),
        }
    }

    /// The broken lines.
    pub fn broken(&self) -> impl Iterator<Item = &Row> {
        self.lines.iter().filter(|row| row.verdict == Verdict::Broken)
    }

    /// Gives a line its sites.
    pub fn add_sites(&mut self, line: usize, sites: SiteRows) {
        // A line of a file may hold several of a budget; each is looked for in turn.
        let row = self
            .lines
            .iter_mut()
            .find(|row| row.line == line && row.verdict == Verdict::Broken && row.sites.is_none());
        if let Some(row) = row {
            row.sites = Some(sites);
        }
    }

    /// Whether something is not as it should be.
    pub fn has_findings(&self, strict: bool) -> bool {
        let others =
            self.unclear_count + self.tags_without_budget.len() + self.budgets_without_tag.len();
        self.broken_count > 0 || (strict && others > 0)
    }

    /// Writes it for people.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, session: &mut Session<'_>, arguments: &Arguments) -> Result<(), Error> {
        let is_narrow = session.is_narrow();
        let out = &mut session.out;
        let title = format!("Budget {}", self.budget.display());
        writeln!(out, "{}", text::heading(&title))?;
        out.write_notes()?;
        writeln!(out, "  {}", self.sum())?;
        if self.end != End::Exited {
            writeln!(out, "  {}", self.end.sentence())?;
        }
        self.write_table(out, arguments.all, is_narrow)?;
        for row in self.lines.iter().filter(|row| row.verdict != Verdict::Holds) {
            row.write(out, &self.budget, self.peaks_source, is_narrow)?;
        }
        self.write_others(out, is_narrow)
    }

    fn sum(&self) -> String {
        let count = self.lines.len() as u64;
        let lines = text::plural(count, "line");
        let of = |part: usize| text::count(part as u64);
        match (self.broken_count, self.unclear_count) {
            (0, 0) if count == 1 => "Its line holds.".into(),
            (0, 0) => format!("All {lines} hold."),
            (broken, 0) => format!("{} of {lines} broken.", of(broken)),
            (0, unclear) if unclear as u64 == count => {
                format!("{} of {lines} unclear.", of(unclear))
            }
            (0, unclear) => format!("{} of {lines} unclear, the others hold.", of(unclear)),
            (broken, unclear) => {
                format!("{} of {lines} broken, {} unclear.", of(broken), of(unclear))
            }
        }
    }

    fn write_table(&self, out: &mut Output, all: bool, is_narrow: bool) -> Result<(), Error> {
        let is_whole = all || self.lines.len() <= LISTED_MAX;
        let rows = self.lines.iter().filter(|row| is_whole || row.verdict != Verdict::Holds);
        let rows: Vec<&Row> = rows.collect();
        if !rows.is_empty() {
            let titles = ["", "took", "at most", "of that", "line", ""];
            let mut table = text::Table::new(&titles, is_narrow);
            let mut group = None;
            for row in &rows {
                if group != Some(&row.tag) {
                    let name = row.tag.clone().unwrap_or_else(|| "(process)".into());
                    table.row([name, "".into(), "".into(), "".into(), "".into(), "".into()]);
                    group = Some(&row.tag);
                }
                let word = match row.verdict {
                    Verdict::Holds => "",
                    Verdict::Unclear => "unclear",
                    Verdict::Broken => "broken",
                };
                table.row([
                    format!("  {}", row.figure.key()),
                    row.figure.words(row.amount.value),
                    row.figure.words(row.limit),
                    text::percent(row.amount.value as i64, row.limit as i64),
                    row.line.to_string(),
                    word.into(),
                ]);
            }
            write!(out, "\n{table}")?;
        }
        let rest = (self.lines.len() - rows.len()) as u64;
        if rest > 0 {
            let lines = text::plural(rest, "line");
            let verb = if rest == 1 { "holds" } else { "hold" };
            writeln!(out, "\n  {lines} more {verb}; --all lists every line")?;
        }
        Ok(())
    }

    /// What only one of both knows.
    fn write_others(&self, out: &mut Output, is_narrow: bool) -> Result<(), Error> {
        if !self.tags_without_budget.is_empty() {
            writeln!(out, "\n{}", text::heading("Tags without a budget"))?;
            let titles = ["tag", "peak", "live", "allocated", "allocations"];
            let mut table = text::Table::new(&titles, is_narrow);
            for row in self.tags_without_budget.iter().take(NAMED_MAX) {
                table.row([
                    row.tag.clone(),
                    text::size(row.peak),
                    text::size(row.live),
                    text::size(row.allocated),
                    text::count(row.allocations),
                ]);
            }
            write!(out, "{table}")?;
            let rest = self.tags_without_budget.len().saturating_sub(NAMED_MAX) as u64;
            if rest > 0 {
                writeln!(out, "  and {} more", text::plural(rest, "tag"))?;
            }
        }
        if !self.budgets_without_tag.is_empty() {
            writeln!(out, "\n{}", text::heading("Budgets whose tag is not in this run"))?;
            for row in &self.budgets_without_tag {
                writeln!(out, "  {}:{}: {}", self.budget.display(), row.line, row.tag)?;
            }
        }
        Ok(())
    }
}

impl Unlimited {
    fn new(tag: &str, taken: &Taken) -> Self {
        let [peak, live, allocated, allocations] =
            Figure::ALL.map(|figure| taken.amount(figure).value);
        Self { tag: tag.into(), peak, live, allocated, allocations }
    }
}

impl Row {
    fn new(line: &Line, asked: &Asked, run: &Run) -> Self {
        let (index, taken) = match &line.tag {
            None => (None, run.process),
            Some(tag) => match run.tags.get(tag) {
                Some((index, taken)) => (Some(*index), *taken),
                None => (None, Taken::default()),
            },
        };
        let amount = taken.amount(line.figure);
        let ticks = if line.figure == Figure::Peak { taken.peak_ticks } else { 0 };
        Self {
            line: line.line,
            tag: line.tag.clone(),
            index,
            figure: line.figure,
            budget: line.budget,
            tolerance: line.tolerance,
            limit: line.limit(),
            amount,
            at_ns: (ticks > 0).then(|| asked.clock.ns(ticks)).flatten(),
            verdict: Verdict::new(amount, line.limit()),
            sites: None,
        }
    }

    /// Writes a line that does not hold, and why.
    fn write(
        &self,
        out: &mut Output,
        budget: &Path,
        peaks_source: &str,
        is_narrow: bool,
    ) -> Result<(), Error> {
        let whose = self.tag.as_ref().map_or_else(|| "the process".into(), |tag| tag.clone());
        let (figure, Amount { value, low, high }) = (self.figure, self.amount);
        let words = |amount: u64| figure.words(amount);
        let how = match self.verdict {
            Verdict::Unclear => "unclear".into(),
            _ => format!("{} over", words(value.saturating_sub(self.limit))),
        };
        let place = format!("{}:{}", budget.display(), self.line);
        let title = format!("{place}: {} of {whose}, {how}", figure.key());
        writeln!(out, "\n{}", text::heading(&title))?;
        let of = match figure {
            Figure::Allocations if value == 1 => " allocation",
            Figure::Allocations => " allocations",
            _ => &format!(" ({} bytes)", text::count(value)),
        };
        let at = match figure {
            Figure::Peak => format!(" at {}", text::moment(self.at_ns)),
            Figure::Live => " at the end".into(),
            _ => String::new(),
        };
        let right = match (figure, low == high) {
            (Figure::Peak, true) => format!("; exact, from the {peaks_source}"),
            (_, true) => String::new(),
            (_, false) => {
                format!("; {} to {}, as not each event was followed", words(low), words(high))
            }
        };
        writeln!(out, "  {}{of}{at}{right}", words(value))?;
        let tolerance = match self.tolerance.is_zero() {
            true => String::new(),
            false => format!(": {} and {}", words(self.budget), self.tolerance),
        };
        writeln!(out, "  at most {}{tolerance}", words(self.limit))?;
        if let Some(sites) = &self.sites {
            let what = match figure {
                Figure::Peak => "Live then",
                Figure::Live => "Live",
                _ => "Allocated",
            };
            sites.write_within(out, what, is_narrow)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_certain_holds_or_is_broken() {
        let amount = Amount { value: 100, low: 90, high: 110 };
        for (limit, verdict) in [
            (89, Verdict::Broken),
            (90, Verdict::Unclear),
            (100, Verdict::Unclear),
            (109, Verdict::Unclear),
            (110, Verdict::Holds),
        ] {
            assert_eq!(Verdict::new(amount, limit), verdict, "{limit}");
        }
    }
}
