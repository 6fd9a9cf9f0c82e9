//! What `log verify` finds: things that cannot be so in a sound log.

use serde::Serialize;

/// Where a log contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Bytes that cannot be what they should be.
    Structure,
    /// Chunks or events of a slot are missing.
    Continuity,
    /// The journal and the ledger tell different sums.
    Ledger,
    /// What was freed is not what was wiped, returned, carried or left.
    Evidence,
    /// Allocs and frees of one address do not alternate.
    Alternation,
    /// The registry has other blocks than ledger or journal.
    Registry,
    /// The sites' counters tell other sums than cells or journal.
    Sites,
}

impl Check {
    /// All of them, in the order in which they are made.
    pub const ALL: [Self; 7] = [
        Self::Structure,
        Self::Continuity,
        Self::Ledger,
        Self::Evidence,
        Self::Alternation,
        Self::Registry,
        Self::Sites,
    ];

    /// The check's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Structure => "structure and checksums",
            Self::Continuity => "continuity",
            Self::Ledger => "journal against ledger",
            Self::Evidence => "wipe evidence",
            Self::Alternation => "alternation per address",
            Self::Registry => "registry of watched tags",
            Self::Sites => "counters of sites",
        }
    }
}

/// One contradiction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check found it.
    pub check: Check,
    /// Where in the file; null where it is nowhere in particular.
    pub offset: Option<u64>,
    /// The tag, where it is about one.
    pub tag: Option<String>,
    /// The thread slot, where it is about one.
    pub slot: Option<u32>,
    /// What is wrong, tag, slot and offset included.
    pub message: String,
}

/// How many findings of a check are kept; the rest is only counted.
const KEPT_MAX: usize = 200;

/// All findings of a log.
#[derive(Debug, Default)]
pub struct Findings {
    /// The first of them.
    pub kept: Vec<Finding>,
    /// How many there are.
    pub count: u64,
}

impl Findings {
    /// Adds one.
    pub fn add(&mut self, finding: Finding) {
        self.count += 1;
        if self.count_of(finding.check) < KEPT_MAX {
            self.kept.push(finding);
        }
    }

    /// Adds those of another part of the log.
    pub fn append(&mut self, other: Self) {
        self.count += other.count - other.kept.len() as u64;
        for finding in other.kept {
            self.add(finding);
        }
    }

    /// Adds one about a place in the file.
    pub fn at(&mut self, check: Check, offset: u64, what: impl Into<String>) {
        let message = format!("offset {offset}: {}", what.into());
        self.add(Finding { check, offset: Some(offset), tag: None, slot: None, message });
    }

    /// How many a check has found, among those that are kept.
    pub fn count_of(&self, check: Check) -> usize {
        self.kept.iter().filter(|finding| finding.check == check).count()
    }
}
