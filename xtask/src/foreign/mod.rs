//! `cargo xtask foreign`: tests that this project did not write, in copies of
//! packages that come as cargo gets every other.

mod c_heap;
mod drop_in;
mod leaks;
mod package;

use anyhow::{Context, Result};

use crate::step::{Outcome, Steps};
use crate::workspace;
use drop_in::Wishes;

/// Runs all of them, or the steps that are named. What is dropped into is timed with
/// `--times`; `--record` keeps that, too; `--package NAME` drops into that one alone.
pub fn run(arguments: &[String]) -> Result<()> {
    let (mut names, mut wishes) = (Vec::new(), Wishes::default());
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--times" => wishes.times = true,
            "--record" => (wishes.times, wishes.records) = (true, true),
            "--package" => wishes.names.push(words.next().context("which package?")?.clone()),
            _ => names.push(word.clone()),
        }
    }
    let mut steps = Steps::only(&names);
    with(&mut steps, wishes);
    steps.finish()
}

/// As steps of another chore.
pub fn add(steps: &mut Steps) {
    with(steps, Wishes { times: true, ..Wishes::default() });
}

/// The three that every change waits for: their tests, without figures.
pub fn drop_into_three(steps: &mut Steps) {
    let wishes = Wishes { only_small: true, ..Wishes::default() };
    steps.run("drop-in", || dropped_in(wishes));
}

fn with(steps: &mut Steps, wishes: Wishes) {
    steps.run("foreign programs", || c_heap::run(&workspace::target()?.join("foreign")));
    steps.run("foreign tests", || {
        leaks::run(&workspace::target()?.join("foreign"))?;
        Ok(Outcome::Done)
    });
    steps.run("drop-in", || dropped_in(wishes));
}

fn dropped_in(wishes: Wishes) -> Result<Outcome> {
    drop_in::run(&workspace::target()?.join("foreign"), &wishes)?;
    Ok(Outcome::Done)
}
