//! Other people's programs with the three lines in them: their own tests pass as
//! they do without, in count mode and under everything that looks for damage; and
//! what that costs, and what the logs tell.

mod build;
mod cost;
mod found;
mod programs;
mod run;
mod server;
mod table;
mod timing;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use scrubjay_benches::machine::Machine;

use self::build::Build;
use self::found::Found;
use self::programs::{PROGRAMS, Program, Work};
use self::run::Runner;
use self::timing::Timing;
use super::package::ensure_same;
use crate::readme::{Place, RECORDS};
use crate::workspace;

/// What keeps the record.
const COMMAND: &str = "cargo xtask foreign drop-in --record";
/// Where the README shows it.
const README: Place = Place {
    opening: "<!-- drop-in: written by `cargo xtask foreign drop-in --record` -->\n",
    closing: "<!-- /drop-in -->",
};

/// What is known of one package.
struct Row {
    program: &'static Program,
    /// How many tests pass with both.
    tests: usize,
    found: Found,
    /// Where it was asked for.
    timing: Option<Timing>,
}

/// What is wanted.
#[derive(Default)]
pub struct Wishes {
    /// Only the packages that every change waits for.
    pub only_small: bool,
    /// Only these; none: all.
    pub names: Vec<String>,
    /// Whether runs are timed.
    pub times: bool,
    /// Whether the tables are kept, and shown in the README.
    pub records: bool,
}

impl Wishes {
    fn wants(&self, program: &Program) -> bool {
        let is_named =
            self.names.is_empty() || self.names.iter().any(|name| name == program.package.name);
        is_named && (program.is_small || !self.only_small)
    }
}

/// Runs the packages that are wanted. One that fails does not stop the others.
pub fn run(folder: &Path, wishes: &Wishes) -> Result<()> {
    ensure!(!wishes.records || wishes.names.is_empty(), "what is kept is all of them");
    let tracker = tracker()?;
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for program in PROGRAMS.iter().filter(|program| wishes.wants(program)) {
        println!("\n{} {} ({})", program.package.name, program.package.version, program.kind);
        match check(program, folder, &tracker, wishes.times) {
            Ok(row) => rows.push(row),
            Err(error) => {
                println!("  FAILED: {error:#}");
                failed.push(program.package.name);
            }
        }
    }
    let machine = Machine::here();
    let text = format!(
        "`{COMMAND}` on {}.\n\n{}\n{MEANING}\n\n{}",
        machine.line(),
        table::costs(&rows),
        table::findings(&rows)
    );
    println!("\n{text}");
    if !failed.is_empty() {
        bail!("not as without scrubjay: {}", failed.join(", "));
    }
    ensure!(!rows.is_empty(), "there is no package of {:?}", wishes.names);
    if wishes.records {
        let name = format!("{RECORDS}/{}-drop-in.txt", machine.date);
        fs::write(workspace::root()?.join(&name), &text)?;
        README.fill(&text)?;
    }
    Ok(())
}

const MEANING: &str = "\
Release builds. Plain: the time of whole processes, the lower quartile of five rounds in
which all four took turns; beside it multiples of it, and of the time that threads ran.
Resident is the most that one process had (`wait4`), of the plain build, and with a log in
count mode as a multiple of it. What was found was found in the tests, with
`SCRUBJAY_STACKS=on` and `SCRUBJAY_VERIFY=on`: over all processes; peak and live at the end
are those of one process, the greatest, without what scrubjay takes for itself in the latter.";

/// The command line, as it is shipped.
fn tracker() -> Result<PathBuf> {
    let mut build = workspace::cargo(&["build", "--release", "--package", "scrubjay-cli"])?;
    workspace::run(&mut build)?;
    Ok(workspace::target()?.join("release/scrubjay"))
}

fn check(program: &'static Program, folder: &Path, tracker: &Path, times: bool) -> Result<Row> {
    for (what, why) in program.files_left_out.iter().chain(program.tests_left_out) {
        println!("  left out: {what}, {why}");
    }
    let plain = build::build(program, Build::AsItIs, folder)?;
    let dropped_in = build::build(program, Build::WithScrubjay, folder)?;
    let own = folder.join(program.package.name);
    let tree = own.join("tree");
    if !matches!(program.work, Work::Suite) {
        program.package.copy_all(folder, &tree)?;
    }
    let runner = |built| Runner { program, built, tree: &tree, output: own.join("output.txt") };
    let (plain, dropped_in) = (runner(&plain), runner(&dropped_in));

    let (expected, _) = plain.suite(&[])?;
    ensure!(!expected.is_empty(), "none of its tests ran");
    println!("  as it is: {} tests pass", expected.len());
    ensure_same(&expected, &dropped_in.suite(&[])?.0)?;
    println!("  with the three lines: the same");
    let logs = own.join("logs");
    let deep = with_log(&logs, &[("SCRUBJAY_STACKS", "on"), ("SCRUBJAY_VERIFY", "on")])?;
    ensure_same(&expected, &dropped_in.suite(&deep)?.0)?;
    println!("  with stacks, and released blocks looked at again: the same");
    let found = found::read(&logs, tracker)?;
    println!(
        "  {} blocks in {} processes, {} bytes of them wiped; {} refused, {} damaged",
        found.blocks, found.processes, found.wiped, found.refused, found.damaged
    );
    let timing = if times {
        let log = with_log(&logs, &[])?;
        Some(timing::time(&plain, &dropped_in, &log)?)
    } else {
        let came_to = plain.work(&[])?.0;
        ensure!(dropped_in.work(&[])?.0 == came_to, "it comes to something else");
        None
    };
    workspace::remove(&logs)?;
    Ok(Row { program, tests: expected.len(), found, timing })
}

/// Settings for a log in count mode, in a fresh folder.
fn with_log(logs: &Path, more: &[(&'static str, &str)]) -> Result<Vec<(&'static str, String)>> {
    workspace::remove(logs)?;
    fs::create_dir_all(logs)?;
    let mut settings = vec![
        ("SCRUBJAY_LOG", logs.join("%e-%p.jay").display().to_string()),
        ("SCRUBJAY_MODE", "count".to_owned()),
    ];
    settings.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
    Ok(settings)
}
