//! `cargo xtask leaks`: leak checkers side by side, over the corpus of cases.
//!
//! Every tool sees the same rounds of each case in a process of its own. The
//! two halves of the corpus have a table each; which cases a tool gets wrong is
//! told of the open half alone, unless `--blind` asks for the other one, too.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use scrubjay_benches::machine::Machine;
use scrubjay_corpus::{Case, Half, Kind};

use crate::readme::{Place, RECORDS};
use crate::workspace;
use programs::{Programs, TIMED};
use score::{Judged, Score};
use verdict::{Times, Verdict};

mod inside;
mod memcheck;
mod ours;
mod programs;
mod sanitizer;
mod score;
mod verdict;

/// What judges cases. One tool may fill some rows of the table: it may be asked
/// for more or for less.
trait Tool {
    /// What its rows are called.
    fn rows(&self) -> &'static [&'static str];
    /// Which version of it this is.
    fn version(&self) -> Result<String>;
    /// What it says of a case, for each row, and how long the rounds take that
    /// are timed.
    fn judge(&self, case: &Case) -> Result<(Vec<Verdict>, Times)>;
}

/// The tools, or why one cannot be had here.
fn tools(programs: &Programs) -> Result<Vec<Result<Box<dyn Tool>, String>>> {
    Ok(vec![
        Ok(ours::tool(programs)),
        memcheck::tool(programs)?,
        sanitizer::tool()?,
        Ok(inside::dhat(programs)),
        Ok(inside::stats_alloc(programs)),
    ])
}

/// A row of the tables, with all verdicts.
struct Row {
    name: &'static str,
    judged: Vec<Judged>,
}

/// What the arguments ask for.
#[derive(Default)]
struct Wishes<'a> {
    /// Only tools with a row of such a name.
    only: Option<&'a str>,
    /// Which cases of the blind half a tool gets wrong, too.
    tells_blind: bool,
    /// Whether the tables are kept, and shown in the README.
    records: bool,
}

/// Runs all tools over all cases.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut wishes = Wishes::default();
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--blind" => wishes.tells_blind = true,
            "--only" => wishes.only = words.next(),
            "--record" => wishes.records = true,
            _ => bail!("leaks takes --blind, --only TOOL and --record, not {word:?}"),
        }
    }
    let programs = Programs::build()?;
    let mut chosen = Vec::new();
    for tool in tools(&programs)? {
        match tool {
            Ok(tool) if wishes.wants(&*tool) => chosen.push(tool),
            Ok(_) => {}
            Err(why) => println!("skipped: {why}"),
        }
    }
    let rows = judge(&chosen, &programs)?;
    let machine = Machine::here();
    let versions = chosen.iter().map(|tool| tool.version()).collect::<Result<Vec<_>>>()?;
    let mut text = format!("`{COMMAND}` on {}.\nBeside {}.\n", machine.line(), versions.join(", "));
    for half in [Half::Open, Half::Blind] {
        text += &format!("\n{}", table(half, &rows));
    }
    text += &format!("\n{MEANING}\n");
    let wrong: String = rows.iter().map(|row| mistakes(row, wishes.tells_blind)).collect();
    println!("\n{text}\n{wrong}");
    if wishes.records {
        let name = format!("{RECORDS}/{}-leak-checkers.txt", machine.date);
        fs::write(workspace::root()?.join(&name), format!("{text}\n{wrong}")).context(name)?;
        README.fill(&text)?;
    }
    Ok(())
}

impl Wishes<'_> {
    fn wants(&self, tool: &dyn Tool) -> bool {
        self.only.is_none_or(|part| tool.rows().iter().any(|name| name.contains(part)))
    }
}

/// What keeps the record.
const COMMAND: &str = "cargo xtask leaks --record";
/// Where the README shows it.
const README: Place = Place {
    opening: "<!-- leak checkers: written by `cargo xtask leaks --record` -->\n",
    closing: "<!-- /leak checkers -->",
};

const MEANING: &str = "\
Each case ran in a process of its own, in release: four rounds inside the process, one of
which may warm up; 34 where a tool looks from outside. Right site: of the leaks that were
found, those whose allocating function and line are named. Rounds: the time of 32 rounds
behind a warm-up; process: that of their whole process; as multiples of the same without any
checker; medians over the cases.";

/// Runs all cases by all tools, case by case: what slows the machine down for a
/// while slows all of them.
fn judge(tools: &[Box<dyn Tool>], programs: &Programs) -> Result<Vec<Row>> {
    let names = tools.iter().flat_map(|tool| tool.rows());
    let mut rows: Vec<Row> = names.map(|&name| Row { name, judged: Vec::new() }).collect();
    for case in scrubjay_corpus::cases() {
        let mut plain = Command::new(programs.path("plain"));
        let plain = programs::run(&mut plain, case.name, TIMED)?.times;
        let mut row = rows.iter_mut();
        for tool in tools {
            let (verdicts, times) = tool.judge(case)?;
            let rounds = ratio(times.rounds, plain.rounds);
            let process = ratio(times.process, plain.process);
            for (verdict, row) in verdicts.into_iter().zip(&mut row) {
                row.judged.push(Judged { case, verdict, rounds, process });
            }
        }
    }
    Ok(rows)
}

fn ratio(time: Duration, plain: Duration) -> f64 {
    time.as_secs_f64() / plain.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn table(half: Half, rows: &[Row]) -> String {
    let of_half = |case: &&Case| case.half == half;
    let count =
        |kind| scrubjay_corpus::cases().filter(of_half).filter(|case| case.kind == kind).count();
    let (lost, kept, clean) = (count(Kind::Lost), count(Kind::Kept), count(Kind::Clean));
    let name = if half == Half::Open { "Open" } else { "Blind" };
    let mut text = format!(
        "{name} half: {} leaks ({lost} lost, {kept} kept), {clean} traps.\n\n\
         | tool | precision | recall | F1 | right site | rounds | process |\n\
         | --- | --: | --: | --: | --: | --: | --: |\n",
        lost + kept
    );
    for row in rows {
        let score = Score::of(row.judged.iter().filter(|judged| judged.case.half == half));
        text += &format!("| {} | {score} |\n", row.name);
    }
    text
}

/// What a tool gets wrong.
fn mistakes(row: &Row, tells_blind: bool) -> String {
    let named = |what: &str, is_meant: fn(&Judged) -> bool| {
        let names: Vec<&str> = row
            .judged
            .iter()
            .filter(|judged| tells_blind || judged.case.half == Half::Open)
            .filter(|judged| is_meant(judged))
            .map(|judged| judged.case.name)
            .collect();
        if names.is_empty() { String::new() } else { format!("  {what}: {}\n", names.join(", ")) }
    };
    let missed = named("misses", Judged::is_miss);
    let false_alarms = named("false alarms", Judged::is_false_alarm);
    let wrong_sites =
        named("wrong sites", |judged| judged.is_hit() && judged.verdict.site == Some(false));
    format!("{}\n{missed}{false_alarms}{wrong_sites}", row.name)
}

/// A folder for what tools write.
fn folder() -> Result<PathBuf> {
    let folder = workspace::target()?.join("leaks");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
