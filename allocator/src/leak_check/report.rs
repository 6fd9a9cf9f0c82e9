//! What a check found, for people and for programs.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::cycle::Cycle;
use super::descriptors::Descriptor;
use super::fail;
use super::held_by::HeldBy;
use super::plain::plain_json;
use super::survey::Group;
use super::symbols::{self, Frame};
use crate::{site, tag, thread};

/// What makes a block a leak, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LeakKind {
    /// Nothing reaches it any more.
    Lost,
    /// It is held, and more of it with every round.
    Growing,
    /// It is held, and that does not grow: no leak.
    Kept,
}

/// Blocks of one site that are left of the work.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Leak {
    /// Why it is called a leak.
    pub kind: LeakKind,
    /// What still holds the blocks.
    pub held_by: HeldBy,
    /// Its name: the path of a static, the name of a thread; empty where it has none.
    pub holder: String,
    /// How many other blocks stand between it and the first of these.
    pub through: u64,
    /// Bytes, as the program asked for them.
    pub bytes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Their tag.
    pub tag: &'static str,
    /// The name of the thread that allocated the first of them; empty where it
    /// has none.
    pub thread: String,
    /// How long ago that was; in JSON in nanoseconds.
    #[serde(rename = "age_ns", serialize_with = "as_nanoseconds")]
    pub age: Duration,
    /// The stack, innermost frame first; empty without [`crate::Config::stacks`].
    pub frames: Vec<Frame>,
    /// Bytes that were held after 1, 2, 4 … rounds.
    pub levels: Vec<u64>,
}

/// A limit of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Limit {
    /// Bytes leaked.
    LeakedBytes,
    /// Blocks leaked.
    LeakedBlocks,
    /// Bytes live at one time.
    PeakBytes,
    /// Bytes allocated in all.
    AllocatedBytes,
    /// Allocations.
    AllocatedBlocks,
    /// Descriptors left open.
    Descriptors,
}

/// A limit that is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Exceeded {
    /// Which.
    pub limit: Limit,
    /// What was found.
    pub found: u64,
    /// What is allowed.
    pub allowed: u64,
}

/// Which signals a verdict had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Signals {
    /// What nothing reaches.
    pub reach: bool,
    /// What the work leaves behind beyond its first round.
    pub warm_up: bool,
    /// What grows with every further round.
    pub growth: bool,
}

/// What a check found.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
#[must_use = "a report that nobody reads lets every leak pass"]
pub struct LeakReport {
    /// What the check is called.
    pub name: String,
    /// How often the work ran.
    pub rounds: u32,
    /// What the verdict is made of.
    pub signals: Signals,
    /// The leaks, the largest first.
    pub leaks: Vec<Leak>,
    /// Groups of blocks among the leaks that hold each other, the largest first.
    pub cycles: Vec<Cycle>,
    /// Leaks that were let pass, each with the reason: of a suppression
    /// `leaks.toml:12: name: reason`.
    pub allowed: Vec<(Leak, String)>,
    /// Reasons to let a leak pass where there was none; those of the file that is
    /// for all checks left out.
    pub unused: Vec<String>,
    /// What is held and does not grow: no leaks.
    pub kept: Vec<Leak>,
    /// Descriptors that each further round leaves open, or the only one.
    pub descriptors: Vec<Descriptor>,
    /// Limits that are exceeded.
    pub exceeded: Vec<Exceeded>,
    /// Greatest number of bytes live at one time, in the best round.
    pub peak_bytes: u64,
    /// How long all threads stood still for the last look, in nanoseconds.
    pub pause_ns: Option<u64>,
    /// What could make the verdict wrong.
    pub doubts: Vec<String>,
}

fn as_nanoseconds<S: Serializer>(time: &Duration, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_u64(time.as_nanos() as u64)
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::LeakedBytes => "bytes leaked",
            Self::LeakedBlocks => "blocks leaked",
            Self::PeakBytes => "bytes live at one time",
            Self::AllocatedBytes => "bytes allocated",
            Self::AllocatedBlocks => "allocations",
            Self::Descriptors => "descriptors left open",
        })
    }
}

impl Leak {
    pub(super) fn of(group: &Group, holder: &str, kind: LeakKind, levels: Vec<u64>) -> Self {
        let slot = thread::used().find(|slot| slot.thread_number() == group.thread);
        Self {
            kind,
            held_by: group.held_by,
            holder: holder.to_owned(),
            through: group.through,
            bytes: group.bytes,
            blocks: group.blocks,
            tag: tag::name_or_unknown(site::tag_of(group.site)),
            thread: slot.map(thread::Slot::name).unwrap_or_default(),
            age: crate::clock::since(group.born),
            frames: symbols::of(group.site, <[Frame]>::to_vec),
            levels,
        }
    }

    /// The first frame that is neither the library's nor an allocator's.
    pub fn user_frame(&self) -> Option<&Frame> {
        self.frames.iter().find(|frame| !frame.is_library())
    }

    fn order(&self) -> impl Ord + use<> {
        let function = self.user_frame().map(|frame| frame.function.clone());
        (self.kind, u64::MAX - self.bytes, function, self.tag, self.held_by, self.holder.clone())
    }
}

impl LeakReport {
    /// Bytes leaked, those that were let pass left out.
    pub fn leaked_bytes(&self) -> u64 {
        self.leaks.iter().map(|leak| leak.bytes).sum()
    }

    /// Blocks leaked, those that were let pass left out.
    pub fn leaked_blocks(&self) -> u64 {
        self.leaks.iter().map(|leak| leak.blocks).sum()
    }

    /// The report as JSON: an object with the fields of this structure. Its text has
    /// no control characters, and that of `Display` none but line breaks, whatever
    /// names stand in it: both may stand in a JUnit file once they are escaped.
    pub fn to_json(&self) -> String {
        // Numbers and strings alone: nothing there can fail.
        plain_json(&serde_json::to_string(self).unwrap_or_default())
    }

    /// Whether no limit is exceeded, that on leaks included.
    pub fn is_ok(&self) -> bool {
        self.exceeded.is_empty()
    }

    /// Fails unless no limit is exceeded.
    ///
    /// # Panics
    /// With the report.
    #[track_caller]
    pub fn assert(&self) {
        if !self.is_ok() {
            fail(self);
        }
    }

    /// Says so where stacks cannot tell whose work it was.
    pub(super) fn doubt_names(&mut self) {
        if self.leaks.iter().any(|leak| !symbols::have_paths(&leak.frames)) {
            let doubt = "names of functions have no paths in this build, so that stacks do not \
                         tell checks apart: build with debug = \"limited\" or more";
            self.doubts.push(doubt.to_owned());
        }
    }

    pub(super) fn sort(&mut self) {
        self.leaks.sort_by_cached_key(Leak::order);
        self.kept.sort_by_cached_key(Leak::order);
        self.cycles.sort_by_cached_key(Cycle::order);
        self.allowed.sort_by_cached_key(|(leak, _)| leak.order());
    }
}
