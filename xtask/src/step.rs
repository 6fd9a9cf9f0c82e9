//! Steps of a chore: each named, timed, and in the closing table.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The only steps that may be skipped, and why one might be.
const MAY_BE_SKIPPED: &[(&str, &str)] = &[
    ("batch job", "the C library of HDF5 is missing and cannot be installed"),
    ("exports", "promtool, or Python with its checkers, is missing and cannot be had"),
    ("foreign programs", "no C compiler"),
    ("instructions", "valgrind is missing and cannot be installed"),
    ("miri", "no nightly toolchain with miri"),
    ("msrv", "no rustup to install the toolchain with"),
    ("nextest", "cargo-nextest is missing"),
    ("targets", "no rustup to install a target with"),
    ("targets with features", "no rustup to install a target with"),
];

/// How a step ended.
pub enum Outcome {
    /// It did its work.
    Done,
    /// It could not run here, and says why.
    Skipped(String),
}

struct Row {
    name: &'static str,
    time: Duration,
    ended: Result<Outcome>,
}

/// The steps that have run.
#[derive(Default)]
pub struct Steps {
    /// The names of those to run; none: all.
    only: Vec<String>,
    rows: Vec<Row>,
}

impl Steps {
    /// Steps of which only the named ones run, all of them if none is named.
    pub fn only(names: &[String]) -> Self {
        Self { only: names.to_vec(), rows: Vec::new() }
    }

    /// Runs a step. A failure does not stop the steps after it: one run shows
    /// all that is wrong.
    pub fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<Outcome>) {
        if !self.only.is_empty() && !self.only.iter().any(|only| only == name) {
            return;
        }
        println!("\n==> {name}");
        let start = Instant::now();
        let ended = step().and_then(|outcome| allowed(name, outcome));
        let time = start.elapsed();
        match &ended {
            Ok(Outcome::Done) => println!("==> {name}: ok in {}", seconds(time)),
            Ok(Outcome::Skipped(why)) => println!("==> {name}: SKIPPED: {why}"),
            Err(error) => println!("==> {name}: FAILED in {}: {error:#}", seconds(time)),
        }
        self.rows.push(Row { name, time, ended });
    }

    /// Prints the closing table; an error if any step failed.
    pub fn finish(self) -> Result<()> {
        println!("\n{}", self.table());
        for row in &self.rows {
            if let Err(error) = &row.ended {
                println!("{}: {error:#}", row.name);
            }
        }
        let failed: Vec<_> =
            self.rows.iter().filter(|row| row.ended.is_err()).map(|row| row.name).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        let ran = |name: &&String| self.rows.iter().any(|row| row.name == **name);
        if let Some(unknown) = self.only.iter().find(|name| !ran(name)) {
            bail!("there is no step {unknown:?}");
        }
        Ok(())
    }

    fn table(&self) -> String {
        let mut table = String::new();
        for row in &self.rows {
            let ended = match &row.ended {
                Ok(Outcome::Done) => "ok",
                Ok(Outcome::Skipped(_)) => "SKIPPED",
                Err(_) => "FAILED",
            };
            table += &format!("{:18} {:>9}  {ended}\n", row.name, seconds(row.time));
        }
        let total = self.rows.iter().map(|row| row.time).sum();
        table + &format!("{:18} {:>9}", "together", seconds(total))
    }
}

fn allowed(name: &str, outcome: Outcome) -> Result<Outcome> {
    if let Outcome::Skipped(why) = &outcome
        && !MAY_BE_SKIPPED.iter().any(|(step, _)| *step == name)
    {
        bail!("skipped ({why}), but this step may not be");
    }
    Ok(outcome)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_fails_the_chore_and_the_later_steps_run() {
        let mut steps = Steps::default();
        let mut later = false;
        steps.run("first", || bail!("no"));
        steps.run("second", || {
            later = true;
            Ok(Outcome::Done)
        });
        assert_eq!(steps.finish().unwrap_err().to_string(), "failed: first");
        assert!(later);
    }

    #[test]
    fn only_named_steps_run_and_a_name_without_a_step_is_an_error() {
        let mut steps = Steps::only(&["second".to_owned()]);
        steps.run("first", || bail!("not asked for"));
        steps.run("second", || Ok(Outcome::Done));
        steps.finish().unwrap();
        let steps = Steps::only(&["thrid".to_owned()]);
        assert_eq!(steps.finish().unwrap_err().to_string(), "there is no step \"thrid\"");
    }

    #[test]
    fn only_listed_steps_may_be_skipped() {
        let mut steps = Steps::default();
        steps.run("miri", || Ok(Outcome::Skipped("no nightly".to_owned())));
        steps.run("tests", || Ok(Outcome::Skipped("no time".to_owned())));
        assert!(steps.table().contains("SKIPPED"));
        assert_eq!(steps.finish().unwrap_err().to_string(), "failed: tests");
    }
}
