//! A budget: what a run may take, line by line, in a file that people edit.
//!
//! ```toml
//! scrubjay-budget = 1
//! tolerance = "5%"            # of every line that does not say otherwise
//!
//! [process]
//! peak = "12.5 MiB"
//! allocations = 120_000
//!
//! [tags."model/weights"]
//! tolerance = "0%"            # of this table
//! peak = { limit = "8 MiB", tolerance = "10%" }
//! live = 0
//! allocated = "1.5 GiB"
//! ```

mod edit;
mod read;

pub use self::edit::{Change, Edited, Figures, edit};

use serde::Serialize;

use crate::amount::Share;
use crate::text;

/// What a line limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// The most bytes that were live at one time.
    Peak,
    /// Bytes live at the end.
    Live,
    /// All bytes that were ever allocated.
    Allocated,
    /// How often something was allocated.
    Allocations,
}

impl Figure {
    /// All, in the order in which they are written.
    pub const ALL: [Self; 4] = [Self::Peak, Self::Live, Self::Allocated, Self::Allocations];

    /// Its name in the file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Peak => "peak",
            Self::Live => "live",
            Self::Allocated => "allocated",
            Self::Allocations => "allocations",
        }
    }

    /// An amount of it, as people read it.
    pub fn words(self, amount: u64) -> String {
        if self == Self::Allocations { text::count(amount) } else { text::size(amount) }
    }
}

/// One line of a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it stands, from 1.
    pub line: usize,
    /// Of which tag; `None` for the process.
    pub tag: Option<String>,
    /// What is limited.
    pub figure: Figure,
    /// The figure as written.
    pub budget: u64,
    /// By how much it may be exceeded.
    pub tolerance: Share,
}

impl Line {
    /// The most that does not break it.
    pub fn limit(&self) -> u64 {
        self.tolerance.on_top_of(self.budget)
    }
}

/// A budget file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Its lines in their order.
    pub lines: Vec<Line>,
    /// The tags that have a table, with its line, also where that limits nothing.
    pub tags: Vec<(String, usize)>,
}
