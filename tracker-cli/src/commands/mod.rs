//! The command line: questions are top-level commands, upkeep of the file
//! stands under `log`.

mod budgets;
mod check;
mod kernel;
mod leaks;
mod log;
mod losses;
mod peak;
mod question;
mod reading;
mod rows;
mod scanned;
mod sites;
mod summary;
mod suppressed;
mod symbols;
mod tags;
mod timeline;
mod tree;
mod wipes;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::error::Error;
use crate::session::{Session, Shared};

/// Who held the memory, when, and whether the secrets are gone: reads the logs
/// of the scrubjay allocator.
///
/// Exit codes: 0 fine, also for a log that a kill cut short; 1 findings: part
/// of the log cannot be read, or does not add up, or (wipes) a secret tag
/// released a byte unwiped, or (check) a budget is broken, or (leaks) more is
/// left than --fail-over allows; 2 usage; 3 a file cannot be read or written.
#[derive(Debug, Parser)]
#[command(name = "scrubjay", version, about, max_term_width = 80)]
pub struct Cli {
    /// What is asked.
    #[command(subcommand)]
    pub command: Command,
    /// How it is answered.
    #[command(flatten)]
    pub shared: Shared,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What ran, how it ended, where its memory went, what was wiped
    Summary(Log),
    /// Every tag with its totals, added up along the levels of its name
    Tags(Log),
    /// When the most was live, what of, and which sites held it
    Peak(peak::Arguments),
    /// Live bytes of each tag over time, drawn
    Timeline(timeline::Arguments),
    /// What was live at the end, or at a moment: by tag, by site with its stack,
    /// or block by block
    ///
    /// Beside the sites stands how they are known: exactly from the journal or
    /// from the sites' counters, or as an estimate with its 95 % interval from a
    /// sample.
    ///
    /// What is known to stay stands in files of suppressions, each with its
    /// reason; it is shown beside the rest. With --fail-over the exit code is 1
    /// where more is left than that.
    Leaks(leaks::Arguments),
    /// Holds a run against a budget: peaks, what is live at the end, all that was
    /// allocated, of each tag and of the process
    ///
    /// Names each broken line of the budget file, and the sites that took the
    /// most. A peak that was not followed event by event has a bound: where the
    /// limit lies within that, the line can neither hold nor be broken, which is
    /// said, and is no finding but with --strict.
    ///
    /// Exit code 1 if a line is broken; with --strict also if that cannot be
    /// told, for a tag without a budget, and for a budget whose tag is not in
    /// the run.
    Check(check::Arguments),
    /// How much memory the process and its tags might have, what was refused for
    /// want of room, and which function asked
    ///
    /// A log keeps the last 256 events: allocations that were refused, and soft
    /// limits that were passed, with what held most then.
    Budgets(budgets::Arguments),
    /// Where every allocated byte went: live, wiped, or released unwiped and why
    ///
    /// For every tag and in total: allocated (+ inherited by a fork) = live +
    /// wiped + returned + carried + unwiped (+ in flight, where the process was
    /// killed). And what lives of secret tags, and of those with a greatest
    /// age: how old the oldest block is.
    ///
    /// Exit code 1 if a secret tag released a byte unwiped, for whatever
    /// reason; if bytes were released unwiped and no rule explains it; if a
    /// tag's bytes do not add up; if the registry of live blocks lacks some;
    /// with --strict-age also for a block that is older than its tag allows.
    Wipes(wipes::Arguments),
    /// The log file itself: what is in it, whether it is sound
    #[command(subcommand)]
    Log(log::Command),
}

/// The log that a command reads.
#[derive(Debug, Args)]
pub struct Log {
    /// The log
    #[arg(value_name = "LOG")]
    path: PathBuf,
}

impl Command {
    /// Answers; the exit code.
    ///
    /// # Errors
    /// What keeps it from answering.
    pub fn run(&self, session: Session<'_>) -> Result<u8, Error> {
        match self {
            Self::Summary(log) => summary::run(log, session),
            Self::Tags(log) => tags::run(log, session),
            Self::Peak(arguments) => peak::run(arguments, session),
            Self::Timeline(arguments) => timeline::run(arguments, session),
            Self::Leaks(arguments) => leaks::run(arguments, session),
            Self::Check(arguments) => check::run(arguments, session),
            Self::Budgets(arguments) => budgets::run(arguments, session),
            Self::Wipes(arguments) => wipes::run(arguments, session),
            Self::Log(command) => command.run(session),
        }
    }
}
