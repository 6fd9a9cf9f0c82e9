//! What a call costs in instructions, held against the file that says so.
//!
//! Times on a shared machine cannot show a loss of two percent; instruction
//! counts repeat. They are taken twice, for N and 2 N operations: the
//! difference over N is the cost of one, without start and end of the process.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use toml::Table;

use crate::step::Outcome;
use crate::{callgrind, tools, workspace};

const FILE: &str = "benches/instructions.toml";
/// Two compilers do not make the same code; a loss this large is no accident.
const TOLERANCE_OTHER_COMPILER: f64 = 0.15;
/// A count may differ by this share, or by this many instructions.
const TOLERANCE: f64 = 0.02;
const TOLERANCE_INSTRUCTIONS: f64 = 1.0;

/// As the benches know them (see `benches/src/workloads.rs`), and how many
/// operations: enough that a rare slow path shows, few enough that Valgrind is
/// done soon.
const WORKLOADS: &[(&str, u64)] = &[
    ("pair64", 50_000),
    ("zeroed64", 50_000),
    ("grow", 50_000),
    (SCOPES, 50_000),
    // Below the size from which a wipe asks a clock where the block is: what it
    // answers under callgrind differs from run to run.
    ("vec 32 KiB", 1_000),
];
/// The one that `System` cannot do.
const SCOPES: &str = "scope64";

struct Mode {
    name: &'static str,
    program: &'static str,
    /// What its environment says.
    environment: &'static [(&'static str, &'static str)],
    log: bool,
    /// Frames below the workload, where their number matters.
    depth: &'static str,
    /// The only workloads that it is counted on; all where there is none.
    workloads: &'static [&'static str],
    frame_pointers: bool,
}

const fn scrubjay(
    name: &'static str,
    environment: &'static [(&'static str, &'static str)],
    log: bool,
) -> Mode {
    let (program, depth) = ("with-scrubjay", "0");
    Mode { name, program, environment, log, depth, workloads: &[], frame_pointers: false }
}

/// Of stacks one depth is counted, of the calls that have one.
const fn with_stacks(mode: Mode) -> Mode {
    Mode { depth: "20", workloads: &["pair64", "grow"], ..mode }
}

const fn with_frame_pointers(mode: Mode) -> Mode {
    Mode { frame_pointers: true, ..with_stacks(mode) }
}

const STACKS_OF_COUNT: &[(&str, &str)] =
    &[("SCRUBJAY_WIPE", "off"), ("SCRUBJAY_MODE", "count"), ("SCRUBJAY_STACKS", "on")];
const STACKS_OF_JOURNAL: &[(&str, &str)] = &[("SCRUBJAY_WIPE", "off"), ("SCRUBJAY_STACKS", "on")];

const MODES: &[Mode] = &[
    Mode { program: "with-system", ..scrubjay("system", &[], false) },
    scrubjay("count", &[("SCRUBJAY_WIPE", "off")], false),
    scrubjay("count-wipe", &[("SCRUBJAY_WIPE", "all")], false),
    scrubjay("journal-wipe", &[("SCRUBJAY_WIPE", "all"), ("SCRUBJAY_STACKS", "off")], true),
    Mode {
        workloads: &["pair64", "grow"],
        // So that hardly any block is in the sample.
        ..scrubjay("sample", SAMPLE, false)
    },
    with_stacks(scrubjay("count-stacks", STACKS_OF_COUNT, false)),
    with_stacks(scrubjay("journal-stacks", STACKS_OF_JOURNAL, true)),
    with_frame_pointers(scrubjay("count-stacks-fp", STACKS_OF_COUNT, false)),
    with_frame_pointers(scrubjay("journal-stacks-fp", STACKS_OF_JOURNAL, true)),
];

/// Without a sample within the counted run: when one comes is left to chance.
const SAMPLE: &[(&str, &str)] =
    &[("SCRUBJAY_WIPE", "off"), ("SCRUBJAY_MODE", "sample"), ("SCRUBJAY_SAMPLE_INTERVAL", "1T")];

/// Instructions of the program itself and of all it calls, per operation.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    program: f64,
    all: f64,
}

/// By workload, then by mode.
type Costs = BTreeMap<String, BTreeMap<String, Cost>>;

/// Measures, and fails where the file says otherwise.
pub fn check() -> Result<Outcome> {
    if let Err(why) = tools::valgrind() {
        return Ok(Outcome::Skipped(why));
    }
    let text = fs::read_to_string(workspace::root()?.join(FILE)).context(FILE)?;
    let file: Table = text.parse().context(FILE)?;
    let recorded_with = file.get("rustc").and_then(toml::Value::as_str).unwrap_or("");
    let rustc = rustc()?;
    let tolerance = if rustc == recorded_with { TOLERANCE } else { TOLERANCE_OTHER_COMPILER };
    if rustc != recorded_with {
        println!("{FILE} was made with {recorded_with}, this is {rustc}: wider tolerance");
    }
    let costs = measure()?;
    print!("{}", table(&costs));
    let complaints = compare(&costs, &file, tolerance);
    if !complaints.is_empty() {
        bail!("{}", complaints.join("; "));
    }
    Ok(Outcome::Done)
}

/// Measures, and writes the file.
pub fn update() -> Result<()> {
    tools::valgrind().map_err(anyhow::Error::msg)?;
    let costs = measure()?;
    print!("{}", table(&costs));
    let mut text = format!(
        "# Instructions of one operation, counted by callgrind: in the program's own file, the\n\
         # loop around it included, and (for information, since the C library chooses its code\n\
         # by the processor) in all. `cargo xtask ci` fails where a count in the program differs\n\
         # by more than {} % and {} instruction.\n\
         # Made by `cargo xtask bench --update-instructions`.\n\n\
         rustc = {:?}\n",
        TOLERANCE * 100.0,
        TOLERANCE_INSTRUCTIONS,
        rustc()?
    );
    for (workload, modes) in &costs {
        write!(text, "\n[{workload:?}]\n")?;
        for mode in MODES {
            let Some(cost) = modes.get(mode.name) else { continue };
            let Cost { program, all } = cost;
            writeln!(text, "{} = {{ program = {program:.2}, all = {all:.2} }}", mode.name)?;
        }
    }
    fs::write(workspace::root()?.join(FILE), text).context(FILE)?;
    println!("wrote {FILE}");
    Ok(())
}

/// The folders of a usual build and of one with frame pointers.
fn build() -> Result<[PathBuf; 2]> {
    let usual = workspace::target()?;
    let with_frame_pointers = usual.join("frame-pointers");
    for (target, flags) in [(&usual, None), (&with_frame_pointers, Some(FRAME_POINTERS))] {
        let mut build = workspace::cargo(&["build", "--release", "-p", "scrubjay-benches"])?;
        build.args(["--bin", "with-system", "--bin", "with-scrubjay", "--target-dir"]).arg(target);
        if let Some(flags) = flags {
            build.env("RUSTFLAGS", flags);
        }
        workspace::run(&mut build)?;
    }
    Ok([usual.join("release"), with_frame_pointers.join("release")])
}

const FRAME_POINTERS: &str = "-C force-frame-pointers=yes";

fn measure() -> Result<Costs> {
    let [usual, with_frame_pointers] = build()?;
    let mut costs = Costs::new();
    for &(workload, operations) in WORKLOADS {
        for mode in MODES {
            let is_wanted = mode.workloads.is_empty() || mode.workloads.contains(&workload);
            if !is_wanted || workload == SCOPES && mode.name == "system" {
                continue;
            }
            let folder = if mode.frame_pointers { &with_frame_pointers } else { &usual };
            let cost = cost(&folder.join(mode.program), (workload, operations), mode)?;
            costs.entry(workload.to_owned()).or_default().insert(mode.name.to_owned(), cost);
        }
    }
    Ok(costs)
}

fn cost(program: &Path, (workload, operations): (&str, u64), mode: &Mode) -> Result<Cost> {
    const LOG: &str = "instructions.jay";
    let mut environment = mode.environment.to_vec();
    if mode.log {
        environment.push(("SCRUBJAY_LOG", LOG));
    }
    let count = |operations: u64| -> Result<callgrind::Count> {
        let operations = operations.to_string();
        let arguments = ["--workload", workload, "--operations", &operations, "--batches", "1"];
        let arguments = [&arguments[..], &["--depth", mode.depth]].concat();
        let count = callgrind::count(program, &arguments, &environment)?;
        if mode.log {
            // A second log would take another name, and the first would stay.
            fs::remove_file(program.with_file_name(LOG)).context("the run left no log")?;
        }
        Ok(count)
    };
    let (once, twice) = (count(operations)?, count(2 * operations)?);
    let per_operation = |once: u64, twice: u64| (twice as f64 - once as f64) / operations as f64;
    Ok(Cost {
        program: per_operation(once.program, twice.program),
        all: per_operation(once.all, twice.all),
    })
}

/// What differs from the file by more than the tolerance.
fn compare(costs: &Costs, file: &Table, tolerance: f64) -> Vec<String> {
    let mut complaints = Vec::new();
    for (workload, modes) in costs {
        for (mode, cost) in modes {
            let number = || file.get(workload)?.get(mode)?.get("program")?.as_float();
            let Some(recorded) = number() else {
                complaints.push(format!("{FILE} has no {workload}.{mode}"));
                continue;
            };
            let measured = cost.program;
            let allowed = TOLERANCE_INSTRUCTIONS.max(recorded * tolerance);
            if measured > recorded + allowed {
                complaints.push(format!(
                    "{workload}.{mode} costs {measured:.2} instructions, {recorded:.2} before"
                ));
            } else if measured < recorded - allowed {
                complaints.push(format!(
                    "{workload}.{mode} costs {measured:.2} instructions, only: \
                     keep the gain by `cargo xtask bench --update-instructions`"
                ));
            }
        }
    }
    complaints
}

fn table(costs: &Costs) -> String {
    let mut table = format!("{:10} {:17} {:>10} {:>10}\n", "workload", "mode", "program", "all");
    for (workload, modes) in costs {
        for mode in MODES {
            let Some(Cost { program, all }) = modes.get(mode.name) else { continue };
            table += &format!("{workload:10} {:17} {program:>10.2} {all:>10.2}\n", mode.name);
        }
    }
    table
}

fn rustc() -> Result<String> {
    Ok(workspace::output(&mut workspace::command("rustc", &["--version"])?)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(measured: f64) -> Vec<String> {
        let file: Table = "[pair64]\ncount = { program = 100.00, all = 200.0 }".parse().unwrap();
        let cost = Cost { program: measured, all: 0.0 };
        let modes = BTreeMap::from([("count".to_owned(), cost)]);
        compare(&Costs::from([("pair64".to_owned(), modes)]), &file, TOLERANCE)
    }

    #[test]
    fn a_cost_that_crept_up_fails_and_so_does_a_gain_that_is_not_recorded() {
        assert_eq!(complaints(102.0), Vec::<String>::new());
        assert_eq!(complaints(98.0), Vec::<String>::new());
        assert!(complaints(102.1)[0].contains("100.00 before"));
        assert!(complaints(97.9)[0].contains("--update-instructions"));
    }
}
