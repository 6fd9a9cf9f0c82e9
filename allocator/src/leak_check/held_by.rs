//! What holds a block, the strongest holder first.

use std::fmt;

use scrubjay_log_format::scan;
use serde::Serialize;

/// How a block is held at the end of a check, the strongest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HeldBy {
    /// Nothing in the process points to it.
    Nothing,
    /// Nothing but a group of lost blocks that hold each other.
    Cycle,
    /// Another lost block.
    Lost,
    /// A static.
    Static,
    /// A thread-local of a thread that lives.
    ThreadLocal,
    /// The stack or a register of a thread that lives.
    Stack,
    /// Memory that is neither the program's heap nor a static: of C code, or
    /// mapped by others.
    Elsewhere,
    /// It was not looked at.
    #[default]
    Unknown,
}

impl HeldBy {
    /// Whether nothing reaches it.
    pub fn is_lost(self) -> bool {
        matches!(self, Self::Nothing | Self::Cycle | Self::Lost)
    }
}

impl fmt::Display for HeldBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Nothing => "nothing reaches it",
            Self::Cycle => "only its own cycle reaches it",
            Self::Lost => "only lost blocks reach it",
            Self::Static => "held by a static",
            Self::ThreadLocal => "held by a thread-local",
            Self::Stack => "held by a stack",
            Self::Elsewhere => "held by memory of others",
            Self::Unknown => "what holds it is unknown",
        })
    }
}

/// As the log has it.
impl From<HeldBy> for scan::HeldBy {
    fn from(held_by: HeldBy) -> Self {
        match held_by {
            HeldBy::Nothing => Self::Nothing,
            HeldBy::Cycle => Self::Cycle,
            HeldBy::Lost => Self::Lost,
            HeldBy::Static => Self::Static,
            HeldBy::ThreadLocal => Self::ThreadLocal,
            HeldBy::Stack => Self::Stack,
            HeldBy::Elsewhere => Self::Elsewhere,
            HeldBy::Unknown => Self::Unknown,
        }
    }
}

/// As reports have it.
impl From<scan::HeldBy> for HeldBy {
    fn from(held_by: scan::HeldBy) -> Self {
        match held_by {
            scan::HeldBy::Nothing => Self::Nothing,
            scan::HeldBy::Cycle => Self::Cycle,
            scan::HeldBy::Lost => Self::Lost,
            scan::HeldBy::Static => Self::Static,
            scan::HeldBy::ThreadLocal => Self::ThreadLocal,
            scan::HeldBy::Stack => Self::Stack,
            scan::HeldBy::Elsewhere => Self::Elsewhere,
            scan::HeldBy::Unknown => Self::Unknown,
        }
    }
}
