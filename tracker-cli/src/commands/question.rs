//! What questions about a log have in common: its path, a tag, the blocks.

use std::path::PathBuf;

use clap::Args;

use crate::analysis::clock::Clock;
use crate::analysis::file::LogFile;
use crate::analysis::ledger::Ledger;
use crate::analysis::peak::Coverage;
use crate::error::Error;
use crate::session::Session;

/// A log, and one of its tags or all.
#[derive(Debug, Args)]
pub struct TagArguments {
    /// The log
    #[arg(value_name = "LOG")]
    path: PathBuf,
    /// Only this tag
    #[arg(long, value_name = "NAME")]
    pub tag: Option<String>,
}

/// What a question is about.
#[derive(Debug)]
pub struct Asked {
    /// The log.
    pub file: LogFile,
    /// Its ledger.
    pub ledger: Ledger,
    /// Its clock.
    pub clock: Clock,
    /// The tag asked for; `None` for all.
    pub tag: Option<u32>,
}

impl TagArguments {
    /// Opens the log, reads its ledger, finds the tag.
    ///
    /// # Errors
    /// Where the log cannot be read, or has no such tag.
    pub fn open(&self, session: &mut Session<'_>) -> Result<Asked, Error> {
        let file = session.open(&self.path)?;
        let ledger = session.ledger(&file)?;
        let tag = self.tag.as_deref().map(|name| ledger.find(name)).transpose()?;
        Ok(Asked { clock: Clock::new(&file), file, ledger, tag })
    }
}

/// How blocks are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Sort {
    /// The greatest first.
    #[default]
    Size,
    /// By address.
    Address,
    /// The oldest first.
    Age,
}

/// Options of questions that can list blocks.
#[derive(Clone, Copy, Debug, Args)]
pub struct BlockArguments {
    /// List the live blocks one by one, from the journal
    #[arg(long)]
    pub blocks: bool,
    /// The order of the blocks
    #[arg(long, value_enum, default_value_t, requires = "blocks")]
    pub sort: Sort,
    /// List no more blocks than this
    #[arg(long, value_name = "COUNT", requires = "blocks")]
    pub limit: Option<usize>,
}

impl BlockArguments {
    /// Whether the journal can answer at all.
    ///
    /// # Errors
    /// Where blocks are asked for and there is none.
    pub fn has_journal(&self, coverage: Coverage) -> Result<bool, Error> {
        if coverage == Coverage::None && self.blocks {
            let message = "--blocks needs a journal; this log has none (mode journal writes one)";
            return Err(Error::Usage(message.into()));
        }
        Ok(coverage != Coverage::None)
    }
}
