//! Options of questions that name functions and lines, and what is said of
//! those that are not known.

use std::path::PathBuf;

use clap::Args;

use crate::analysis::symbols::{Missing, Options, Symbols, cache};
use crate::error::Error;
use crate::session::Session;
use crate::text;

/// How many modules without symbols are named.
const NAMED_MAX: usize = 5;

/// Where symbols come from.
#[derive(Clone, Debug, Args)]
pub struct SymbolArguments {
    /// Look for binaries and debug files in this folder and all below it, by
    /// build-id, before anywhere else; may be given more than once
    #[arg(long = "symbols", value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Neither read nor write the cache of symbols in ~/.cache/scrubjay
    #[arg(long)]
    no_symbol_cache: bool,
}

impl SymbolArguments {
    /// How symbols are to be looked for.
    ///
    /// # Errors
    /// Where a folder is not there.
    pub fn options(&self) -> Result<Options, Error> {
        for folder in &self.folders {
            if let Err(error) = std::fs::metadata(folder) {
                return Err(Error::Usage(format!("--symbols {}: {error}", folder.display())));
            }
        }
        let cache = if self.no_symbol_cache { None } else { cache::default_folder() };
        Ok(Options { folders: self.folders.clone(), cache })
    }
}

/// Says what is not known of a log's frames, and how to get it.
pub fn report(symbols: &Symbols, session: &mut Session<'_>) {
    for caveat in symbols.caveats() {
        session.say(caveat);
    }
    // A library of the system seldom has lines, and few miss them.
    let (without, poor): (Vec<&Missing>, Vec<&Missing>) =
        symbols.missing().iter().partition(|missing| missing.without_function > 0);
    for missing in without.iter().take(NAMED_MAX) {
        session.say(&missing.to_string());
        session.say(&format!("  {}", missing.remedy()));
    }
    if without.len() > NAMED_MAX {
        let others = (without.len() - NAMED_MAX) as u64;
        session.say(&format!("and {} without symbols", text::plural(others, "module")));
    }
    if !poor.is_empty() {
        let frames: u64 = poor.iter().map(|missing| missing.without_line).sum();
        let names: Vec<&str> = poor.iter().map(|missing| missing.name()).collect();
        let frames = text::plural(frames, "frame");
        session.say(&format!("{frames} without a line, in {}", names.join(", ")));
    }
}
