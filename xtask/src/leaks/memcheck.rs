//! Valgrind's memcheck, from outside: what it calls definitely lost, and all
//! that it lists.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use scrubjay_corpus::Case;

use super::Tool;
use super::programs::{self, Programs, Ran, TIMED};
use super::verdict::{Times, Verdict, is_site};
use crate::{tools, workspace};

/// Memcheck, if Valgrind is there.
pub fn tool(programs: &Programs) -> Result<Result<Box<dyn Tool>, String>> {
    if let Err(why) = tools::valgrind() {
        return Ok(Err(why));
    }
    let mut memcheck = Memcheck {
        program: programs.path("plain"),
        file: super::folder()?.join("memcheck.xml"),
        of_no_case: HashSet::new(),
    };
    let (_, records) = memcheck.run("-")?;
    memcheck.of_no_case = records.into_iter().map(|record| record.frames).collect();
    Ok(Ok(Box::new(memcheck)))
}

struct Memcheck {
    program: PathBuf,
    file: PathBuf,
    /// What the program leaves behind without any case: no tool's fault.
    of_no_case: HashSet<Vec<String>>,
}

/// Blocks that were left behind, by one stack.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    kind: String,
    frames: Vec<String>,
}

impl Memcheck {
    /// It looks at the end of the process, at all rounds: so those that are
    /// timed are judged, too.
    fn run(&self, case: &str) -> Result<(Ran, Vec<Record>)> {
        let mut command = workspace::command("valgrind", &[])?;
        command.args(["--leak-check=full", "--show-leak-kinds=all", "--num-callers=40"]);
        command.arg("--xml=yes").arg(format!("--xml-file={}", self.file.display()));
        let ran = programs::run(command.arg(&self.program), case, TIMED)?;
        let xml = fs::read_to_string(&self.file).context("reading what memcheck wrote")?;
        Ok((ran, records(&xml)))
    }
}

impl Tool for Memcheck {
    fn rows(&self) -> &'static [&'static str] {
        &["Valgrind memcheck, definite", "Valgrind memcheck, all kinds"]
    }

    fn version(&self) -> Result<String> {
        let said = workspace::output(&mut workspace::command("valgrind", &["--version"])?)?;
        Ok(said.trim().to_owned())
    }

    fn judge(&self, case: &Case) -> Result<(Vec<Verdict>, Times)> {
        let (ran, records) = self.run(case.name)?;
        let own: Vec<&Record> =
            records.iter().filter(|record| !self.of_no_case.contains(&record.frames)).collect();
        let of = |is_meant: &dyn Fn(&Record) -> bool| {
            let mut meant = own.iter().filter(|record| is_meant(record)).peekable();
            Verdict {
                is_alarm: meant.peek().is_some(),
                site: Some(meant.any(|r| r.frames.iter().any(|frame| is_site(case, frame)))),
            }
        };
        // What is lost with something that is lost has a kind of its own.
        let definite = of(&|record| {
            record.kind == "Leak_DefinitelyLost" || record.kind == "Leak_IndirectlyLost"
        });
        Ok((vec![definite, of(&|_| true)], ran.times))
    }
}

/// The leaks of memcheck's XML.
fn records(xml: &str) -> Vec<Record> {
    let errors = xml.split("<error>").skip(1);
    let leaks = errors.filter_map(|error| {
        let kind = element(error, "kind")?;
        kind.starts_with("Leak_").then(|| {
            let stack = error.split("</stack>").next().unwrap_or(error);
            let frames = stack.split("<frame>").skip(1).map(frame).collect();
            Record { kind: kind.to_owned(), frames }
        })
    });
    leaks.collect()
}

fn frame(frame: &str) -> String {
    let part = |name| element(frame, name).unwrap_or("?");
    format!("{} ({}:{})", part("fn"), part("file"), part("line"))
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaks_are_read_and_other_errors_are_not() {
        let xml = "<valgrindoutput><error><kind>InvalidRead</kind></error>\
                   <error><kind>Leak_DefinitelyLost</kind><stack><frame><fn>malloc</fn></frame>\
                   <frame><fn>a::b</fn><file>a.rs</file><line>7</line></frame></stack></error>";
        let frames = vec!["malloc (?:?)".to_owned(), "a::b (a.rs:7)".to_owned()];
        let kind = "Leak_DefinitelyLost".to_owned();
        assert_eq!(records(xml), [Record { kind, frames }]);
    }
}
