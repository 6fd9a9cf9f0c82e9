//! `scrubjay check`: a run held against a budget, or the budget written anew.

mod answer;
mod culprits;
mod update;

use std::path::{Path, PathBuf};

use clap::Args;

use self::answer::Check;
use self::culprits::Culprits;
use super::question::Asked;
use super::sites::SiteArguments;
use super::symbols::SymbolArguments;
use crate::amount::Share;
use crate::analysis::clock::Clock;
use crate::analysis::peak::{self, Coverage};
use crate::analysis::taken::Run;
use crate::budget::Budget;
use crate::error::Error;
use crate::session::Session;
use crate::whole_file;

/// What is asked.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The log
    #[arg(value_name = "LOG")]
    path: PathBuf,
    /// The budget, a TOML file
    #[arg(long, value_name = "FILE")]
    budget: PathBuf,
    /// Write what the run took into the budget file, new or not; comments, order
    /// and tolerances stay, new tags come last
    #[arg(long)]
    update: bool,
    /// Write so much more than the run took, such as 10%
    #[arg(long, value_name = "PERCENT", requires = "update")]
    headroom: Option<Share>,
    /// Keep the budgets of tags that are not in the run, which go otherwise
    #[arg(long, requires = "update")]
    keep: bool,
    /// Exit with 1, too, where a line can neither hold nor be broken, for a tag
    /// without a budget, and for a budget without its tag
    #[arg(long, conflicts_with = "update")]
    strict: bool,
    /// List every line, however many there are
    #[arg(long)]
    all: bool,
    /// Name so many sites of a broken line
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    top: usize,
    /// Show so many frames of a site
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    frames: usize,
    #[command(flatten)]
    symbols: SymbolArguments,
}

impl Arguments {
    /// How the sites of a broken line are shown.
    fn sites(&self) -> SiteArguments {
        SiteArguments {
            top: self.top,
            frames: self.frames,
            all_frames: false,
            symbols: self.symbols.clone(),
        }
    }
}

/// Answers; the exit code.
pub fn run(arguments: &Arguments, mut session: Session<'_>) -> Result<u8, Error> {
    let path = &arguments.budget;
    if let Some(output) = session.out.path()
        && is_same(output, path)
    {
        let message = format!("{}: the answer would overwrite the budget", path.display());
        return Err(Error::Usage(message));
    }
    let is_new = arguments.update && std::fs::symlink_metadata(path).is_err();
    let text = if is_new { None } else { Some(whole_file::read(path)?) };
    let budget = text.as_deref().map(|text| read(path, text)).transpose()?;

    let file = session.open(&arguments.path)?;
    let ledger = session.ledger(&file)?;
    let clock = Clock::new(&file);
    let asked = Asked { file, ledger, clock, tag: None };
    let mut damages = asked.ledger.damages.clone();
    let peaks = if Coverage::of(&asked.file, &asked.ledger) == Coverage::Whole {
        let progress = session.progress("finding the peaks", &asked.file);
        let (peaks, found) = peak::find(&asked.file, &asked.ledger, &progress)?;
        let is_whole = found.is_empty();
        damages.merge(found);
        is_whole.then_some(peaks)
    } else {
        None
    };
    let run = Run::new(&asked.file, &asked.ledger, peaks.as_ref());
    if arguments.update {
        let text = text.as_deref().zip(budget.as_ref());
        return update::run(arguments, text, &asked, &run, &damages, session);
    }
    let budget = budget.unwrap_or_default();
    let mut check = Check::new(path, &budget, &asked, &run, peaks.is_some());
    let mut culprits = Culprits::new(&asked, peaks.as_ref(), arguments);
    for row in check.broken() {
        culprits.look_for(row, &session, &mut damages)?;
    }
    culprits.name(&mut check, &mut session, &mut damages)?;
    if check.has_findings(arguments.strict) {
        session.found();
    }
    if session.is_json() {
        session.json("check", &asked.file, &check, &damages)?;
    } else {
        check.write(&mut session, arguments)?;
    }
    session.report(&asked.file, &damages);
    session.end()
}

fn read(path: &Path, text: &str) -> Result<Budget, Error> {
    Budget::read(text).map_err(|fault| Error::Fault { path: path.to_path_buf(), fault })
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
