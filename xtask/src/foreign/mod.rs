//! `cargo xtask foreign`: tests that this project did not write, in copies of
//! packages that come as cargo gets every other.

mod c_heap;
mod leaks;
mod package;

use anyhow::Result;

use crate::step::{Outcome, Steps};
use crate::workspace;

/// Runs all of them, or the steps that are named.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut steps = Steps::only(arguments);
    add(&mut steps);
    steps.finish()
}

/// As steps of another chore.
pub fn add(steps: &mut Steps) {
    steps.run("foreign programs", || c_heap::run(&workspace::target()?.join("foreign")));
    steps.run("foreign tests", || {
        leaks::run(&workspace::target()?.join("foreign"))?;
        Ok(Outcome::Done)
    });
}
