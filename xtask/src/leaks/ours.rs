//! scrubjay's own leak check: by all its signals, and by each alone.

use std::path::PathBuf;
use std::thread::{self, ScopedJoinHandle};

use anyhow::{Result, anyhow};
use scrubjay_corpus::Case;

use super::Tool;
use super::programs::{self, JUDGED, Programs, Ran, Rounds, TIMED};
use super::verdict::{Times, Verdict, is_site};

/// What the program calls its judges, in the order of the rows.
const JUDGES: [&str; 4] = ["all", "reach", "warm-up", "growth"];
/// What it calls the rounds that are timed.
const TIME: &str = "time";

/// The check, over the program that knows both scrubjay and the corpus.
pub fn tool(programs: &Programs) -> Box<dyn Tool> {
    Box::new(Ours { program: programs.path("corpus-over-scrubjay") })
}

struct Ours {
    program: PathBuf,
}

impl Ours {
    /// How many rounds a judge takes is its own business.
    fn run(&self, judge: &str, case: &Case, rounds: Rounds) -> Result<Ran> {
        let mut command = programs::command_in(&super::folder()?, &self.program);
        programs::run(command.arg(judge), case.name, rounds)
    }
}

impl Tool for Ours {
    fn rows(&self) -> &'static [&'static str] {
        &[
            "scrubjay, all signals",
            "scrubjay, reachability after one round alone",
            "scrubjay, what is left behind a warm-up round alone",
            "scrubjay, growth of what is held alone",
        ]
    }

    fn version(&self) -> Result<String> {
        Ok("scrubjay of this commit".to_owned())
    }

    fn judge(&self, case: &Case) -> Result<(Vec<Verdict>, Times)> {
        // A check waits a second for what it would call lost: all wait at once.
        let ran: Vec<_> = thread::scope(|scope| {
            let judges = JUDGES.map(|judge| scope.spawn(move || self.run(judge, case, JUDGED[0])));
            judges.into_iter().map(ScopedJoinHandle::join).collect()
        });
        let verdicts = ran.into_iter().map(|ran| {
            let ran = ran.map_err(|_| anyhow!("a judge panicked"))??;
            let said = String::from_utf8_lossy(&ran.output.stdout);
            let is_right = said.lines().any(|line| is_site(case, line));
            Ok(Verdict { is_alarm: ran.is_left, site: Some(is_right) })
        });
        let verdicts = verdicts.collect::<Result<Vec<Verdict>>>()?;
        Ok((verdicts, self.run(TIME, case, TIMED)?.times))
    }
}
