//! `cargo xtask batch`: the batch job on real files, and whether what it tells of
//! itself is so.
//!
//! It runs as it comes; then not wiping, and without the feature by which C's memory is
//! seen: two controls, of which the claims must say what they lack.

mod judge;

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::claims::Claims;
use crate::step::{Outcome, Steps};
use crate::{tools, workspace};

/// Runs it as the only step.
pub fn run(arguments: &[String]) -> Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("batch takes no argument, not {argument:?}");
    }
    let mut steps = Steps::default();
    add(&mut steps);
    steps.finish()
}

/// As a step of another chore.
pub fn add(steps: &mut Steps) {
    steps.run("batch job", check);
}

fn check() -> Result<Outcome> {
    if let Err(why) = tools::hdf5() {
        return Ok(Outcome::Skipped(why));
    }
    let folder = workspace::target()?.join("batch");
    workspace::remove(&folder)?;
    let mut claims = Claims::default();

    let program = workspace::build_example("batch-job", &["--no-default-features"])?;
    let blind = bills_of(&program, &folder.join("without-c-heap"), &[])?;
    let program = workspace::build_example("batch-job", &[])?;
    let bills = bills_of(&program, &folder.join("with-c-heap"), &[])?;
    let unwiped = bills_of(&program, &folder.join("not-wiping"), &[("SCRUBJAY_WIPE", "off")])?;

    claims.check("all four ways compute what was written", || judge::results(&bills));
    claims.check("a chunk's share of the rows is its share of the table's peak", || {
        judge::table_peaks(&bills)
    });
    claims.check("what a way holds beside its rows does not depend on them", || {
        judge::other_peaks(&bills)
    });
    claims.check("bills add up to the tags' totals", || judge::sums(&bills));
    claims.check("HDF5's C library is on the bill, and wiped", || judge::memory_of_c(&bills));
    claims.check("no secret tag released a byte unwiped", || judge::wiped(&bills));
    claims.check("the control that does not wipe is found out", || {
        let error = judge::wiped(&unwiped).err().context("it passes for one that does")?;
        println!("not wiping: {error}");
        ensure!(error.to_string().contains("/table released"), "no secret tag is named");
        Ok(())
    });
    claims.check("without c-heap the results are the same, and C's memory is not seen", || {
        judge::results(&blind)?;
        judge::sums(&blind)?;
        judge::table_peaks(&blind)?;
        ensure!(judge::memory_of_c(&blind).is_err(), "C's memory is seen all the same");
        judge::same_of_rust(&bills, &blind)
    });
    println!();
    claims.finish()?;
    Ok(Outcome::Done)
}

/// Runs the batch job in a folder of its own, and reads what it left there.
fn bills_of(program: &Path, folder: &Path, settings: &[(&str, &str)]) -> Result<Value> {
    fs::create_dir_all(folder)?;
    let program = program.to_str().context("a path of text")?;
    let mut command = workspace::command(program, &["--directory"])?;
    command.arg(folder);
    // Whoever runs this may have settings of their own.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["SCRUBJAY_", "GLIBC_", "MALLOC_"].iter().any(|own| name.starts_with(own)) {
            command.env_remove(name);
        }
    }
    command.envs(settings.iter().copied());
    println!();
    workspace::run(&mut command)?;
    let path = folder.join("bills.json");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}
