//! `cargo xtask demo`: the main job on a real model, then the attack.
//!
//! A language model trains, answers prompts and drops everything, under
//! scrubjay. The command line tells from its log where the memory went. Then
//! this process reads all of the other one's memory, and its log, and looks
//! for the prompts and the weights; a control without wiping shows that the
//! attack would find them.

mod build;

mod evidence;
mod program;
mod prompts;
mod report;
mod residue;
mod safetensors;
mod secrets;
mod weights;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use scrubjay_tests::attack::{Residue, attack};
use serde_json::Value;

use crate::claims::Claims;
use crate::workspace;
use program::{Program, Wiping};
use report::Tracker;

/// Runs the demo.
pub fn run(arguments: &[String]) -> Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("the demo takes no arguments, not even {argument:?}");
    }
    if cfg!(debug_assertions) {
        // The attack looks at every byte of a memory and a log: 46 s a time
        // unoptimised, 6 s optimised.
        println!("The demo is built optimised first, since it searches much memory.");
        let optimised = ["run", "--release", "--package", "xtask", "--", "demo"];
        return workspace::run(&mut workspace::cargo(&optimised)?);
    }
    let start = Instant::now();
    let folder = workspace::target()?.join("demo");
    workspace::remove(&folder)?;
    let programs = build::build()?;
    let tracker = Tracker::new(programs.tracker, &folder)?;
    let prompts = prompts::draw(&prompts::key()?);
    let mut claims = Claims::default();

    heading("The language model, wiped as by default");
    let wiped = folder.join("wiped");
    let attacked = run_and_attack(&programs.model, &tracker, &wiped, Wiping::Default, &prompts)?;
    let Attacked { log, residue: with, wipes } = attacked;
    claims.check("wipes told, tag by tag, what the model's own report did", || {
        let wipes = wipes.context("wipes objected while the model stood still")?;
        let count = evidence::against_report(&wipes, &wiped.join("report.json"))?;
        println!("wipes and the model's own report agree to the byte, in {count} tags");
        Ok(())
    });

    heading("What its log tells");
    tracker.show(&["summary"], &log)?;
    tracker.show(&["timeline"], &log)?;
    tracker.show(&["peak"], &log)?;
    tracker.show(&["leaks"], &log)?;
    tracker.show(&["wipes"], &log)?;
    tracker.show(&["log", "verify"], &log)?;
    claims.check("wipes adds up to the byte, and to the journal", || {
        let wipes = tracker.wipes(&log)?;
        ensure!(wipes["adds_up"] == true, "it does not add up");
        evidence::against_journal(&wipes, &log)?;
        Ok(())
    });

    heading("The loaded tensors among the live blocks of model/weights");
    let blocks = tracker.blocks_at_peak(&log, "model/weights")?;
    let tensors = weights::loaded(&wiped)?;
    claims.check("the loaded tensors are found, by size, as a multiset", || {
        let rest = weights::rest(&tensors, &blocks)?;
        weights::show(&tensors, &rest);
        Ok(())
    });
    let changed = change(&programs.model, &folder)?;
    claims.check("the tensors of a changed model are not", || {
        match weights::rest(&changed, &blocks) {
            Ok(_) => bail!("a model with one layer more fits the same blocks"),
            Err(missing) => {
                println!("a model with one layer more: {missing}");
                Ok(())
            }
        }
    });

    heading("The control: the same without wiping, and glibc gives no memory back");
    let control = folder.join("control");
    let attacked = run_and_attack(&programs.model, &tracker, &control, Wiping::Off, &prompts)?;
    let Attacked { log, residue: without, .. } = attacked;
    println!("\nIts log objects:\n");
    claims.check("wipes objects to the control, and names the secret tag", || {
        let answer = tracker.show_objection(&["wipes", "--tag", "prompt"], &log)?;
        ensure!(answer.contains("secret tag prompt: "), "it names no secret tag");
        Ok(())
    });

    heading("Residue");
    let table = residue::table(&with, &without);
    println!("{table}");
    fs::write(folder.join("residue.txt"), &table)?;
    residue::judge(&with, &without, &mut claims);

    heading("Claims");
    println!("Logs, reports and checkpoints are kept in {}.", folder.display());
    println!("The demo took {} s.\n", start.elapsed().as_secs());
    claims.finish()
}

/// A model that was attacked and has ended.
struct Attacked {
    log: PathBuf,
    residue: Residue,
    /// What `wipes` said while it stood still; an error where that objected.
    wipes: Result<Value>,
}

/// Runs the model up to the drop of everything, attacks it, and lets it end.
fn run_and_attack(
    model: &Path,
    tracker: &Tracker,
    folder: &Path,
    wiping: Wiping,
    prompts: &[String],
) -> Result<Attacked> {
    let program = Program::run(model, folder, wiping, &[], prompts)?;
    let start = Instant::now();
    println!("attack: process {} dropped everything and stands still", program.id());
    let wipes = tracker.wipes(program.log());
    let live = tracker.live_blocks(program.log())?;
    let secrets = secrets::of(prompts, folder)?;
    let residue = attack(program.id(), program.log(), &live, &secrets)
        .context("cannot read the model's memory as its parent")?;
    println!(
        "attack: read {} MiB of memory and {} MiB of log in {:.1} s; {} live blocks",
        residue.read_size >> 20,
        residue.log_size >> 20,
        start.elapsed().as_secs_f64(),
        live.len(),
    );
    if !residue.refused.is_empty() {
        println!("attack: the kernel let nobody read {}", residue.refused.join(", "));
    }
    let log = program.log().to_owned();
    program.finish()?;
    Ok(Attacked { log, residue, wipes })
}

/// The tensors of a model with one layer more, written by the same program.
fn change(model: &Path, folder: &Path) -> Result<Vec<safetensors::Tensor>> {
    println!("\n… and of a changed model:");
    let folder = folder.join("changed");
    let more = ["--layers", "3", "--steps", "1"];
    Program::run(model, &folder, Wiping::Default, &more, &[])?.finish()?;
    weights::loaded(&folder)
}

fn heading(text: &str) {
    println!("\n== {text}\n");
}
