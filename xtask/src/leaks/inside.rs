//! Tools that count inside the process: a program over each.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context, Result};
use scrubjay_corpus::Case;
use serde_json::Value;

use super::Tool;
use super::programs::{self, JUDGED, Programs, Ran, Rounds, TIMED};
use super::verdict::{Times, Verdict, is_site};
use crate::workspace;

/// `dhat`, as its heap testing is used.
pub fn dhat(programs: &Programs) -> Box<dyn Tool> {
    let rows = &["dhat", "dhat, after a warm-up round"];
    let program = programs.path("over-dhat");
    Box::new(Inside { package: "dhat", rows, program, site: Some(dhat_site) })
}

/// `stats_alloc`, a region of its.
pub fn stats_alloc(programs: &Programs) -> Box<dyn Tool> {
    let rows = &["stats_alloc", "stats_alloc, after a warm-up round"];
    let program = programs.path("over-stats-alloc");
    Box::new(Inside { package: "stats_alloc", rows, program, site: None })
}

struct Inside {
    /// As Cargo calls it.
    package: &'static str,
    /// Without a warm-up round and, if there are two, with one.
    rows: &'static [&'static str],
    program: PathBuf,
    /// Whether what it has printed, or written into the folder, names a leak's
    /// site.
    site: Option<fn(&Case, &Output) -> Result<bool>>,
}

impl Inside {
    fn run(&self, case: &Case, rounds: Rounds) -> Result<Ran> {
        let mut command = programs::command_in(&super::folder()?, &self.program);
        programs::run(&mut command, case.name, rounds)
    }
}

impl Tool for Inside {
    fn rows(&self) -> &'static [&'static str] {
        self.rows
    }

    fn version(&self) -> Result<String> {
        let mut command = workspace::cargo(&["pkgid", self.package])?;
        let id = workspace::output(&mut command)?;
        let version = id.trim().rsplit(['@', '#']).next().unwrap_or_default();
        Ok(format!("{} {version}", self.package))
    }

    fn judge(&self, case: &Case) -> Result<(Vec<Verdict>, Times)> {
        let mut verdicts = Vec::new();
        for (_, rounds) in self.rows.iter().zip(JUDGED) {
            let ran = self.run(case, rounds)?;
            let site = match self.site {
                Some(is_right) => Some(is_right(case, &ran.output)?),
                None => None,
            };
            verdicts.push(Verdict { is_alarm: ran.is_left, site });
        }
        Ok((verdicts, self.run(case, TIMED)?.times))
    }
}

/// Whether a stack with something left at the end is the leak's.
fn dhat_site(case: &Case, _: &Output) -> Result<bool> {
    let file = super::folder()?.join("dhat-heap.json");
    let text = fs::read_to_string(file).context("reading what dhat wrote")?;
    let profile: Value = serde_json::from_str(&text).context("what dhat wrote")?;
    let frames: Vec<&str> = list(&profile, "ftbl").iter().filter_map(Value::as_str).collect();
    let left_something = |point: &&Value| point["eb"].as_u64().is_some_and(|bytes| bytes > 0);
    let names_site = |point: &Value| {
        let indices = list(point, "fs").iter().filter_map(Value::as_u64);
        indices.filter_map(|index| frames.get(index as usize)).any(|frame| is_site(case, frame))
    };
    Ok(list(&profile, "pps").iter().filter(left_something).any(names_site))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}
