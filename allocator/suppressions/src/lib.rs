//! What is known to stay and need not be looked at: a file of entries, each with
//! its reason, and which of them a site is.
//!
//! It knows nothing of logs: whoever has sites, with their frames as people read
//! them, can ask. The command line asks of the sites of a log, a leak check of what
//! it found; both by names that [`fold`] has left.
//!
//! ```toml
//! scrubjay-suppressions = 1
//!
//! [[suppress]]
//! name = "stack overflow handler"
//! reason = "std keeps a table of threads for it until the process is gone"
//! stack = ["std::sys::pal::unix::stack_overflow::*", "...", "std::rt::init"]
//! max-bytes = "1 KiB"
//! ```
//!
//! An entry is a site's where all that it says is so:
//!
//! - `stack`: its innermost frames, the innermost first. A frame is the name of
//!   its function, with `*` for any text and `?` for one character; `"..."` is any
//!   run of frames, also none. Frames around them may be any.
//! - `function`: one of its frames, wherever.
//! - `module`: the file that one of its frames comes from, by its path or its name.
//! - `tag`: its tag.
//! - `min-bytes`, `max-bytes`, `min-blocks`, `max-blocks`: what it holds.
//!
//! Of several entries the first one counts.
#![forbid(unsafe_code)]

pub mod amount;
pub mod fold;
pub mod names;
mod pattern;
mod read;
pub mod toml_text;

use self::pattern::{Glob, StackPattern};

/// One entry.
#[derive(Clone, Debug)]
pub struct Suppression {
    /// What it is called in reports.
    pub name: String,
    /// Why this may stay.
    pub reason: String,
    /// The line on which it begins, from 1.
    pub line: usize,
    stack: Option<StackPattern>,
    function: Option<Glob>,
    module: Option<Glob>,
    tag: Option<Glob>,
    bytes: Bounds,
    blocks: Bounds,
}

/// From where to where a figure may be.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    min: Option<u64>,
    max: Option<u64>,
}

/// A site, as far as an entry can ask about it.
#[derive(Clone, Debug, Default)]
pub struct Subject<'s> {
    /// The tag's name.
    pub tag: &'s str,
    /// The functions of the stack, the innermost first, without the allocator's.
    pub functions: Vec<&'s str>,
    /// The paths of the files that they come from.
    pub modules: Vec<&'s str>,
    /// The bytes that it holds.
    pub bytes: u64,
    /// And the blocks.
    pub blocks: u64,
}

/// What an entry is to a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The site's.
    Yes,
    /// It would be, if the site held more, or less.
    ButForSize,
    /// Another's.
    No,
}

impl Suppression {
    /// What this is to a site.
    pub fn matches(&self, subject: &Subject<'_>) -> Match {
        let Self { stack, function, module, tag, .. } = self;
        let is_named = tag.as_ref().is_none_or(|glob| glob.matches(subject.tag))
            && stack.as_ref().is_none_or(|stack| stack.matches(&subject.functions))
            && function
                .as_ref()
                .is_none_or(|glob| subject.functions.iter().any(|function| glob.matches(function)))
            && module.as_ref().is_none_or(|glob| {
                subject.modules.iter().any(|module| {
                    let name = module.rsplit('/').next().unwrap_or(module);
                    glob.matches(module) || glob.matches(name)
                })
            });
        match is_named {
            true if self.bytes.hold(subject.bytes) && self.blocks.hold(subject.blocks) => {
                Match::Yes
            }
            true => Match::ButForSize,
            false => Match::No,
        }
    }
}

impl Suppression {
    /// Whether it is about a tag as such, and so about all that this one has.
    pub fn is_about_tag(&self, name: &str) -> bool {
        let Self { stack, function, module, tag, bytes, blocks, .. } = self;
        let says_more = stack.is_some() || function.is_some() || module.is_some();
        let has_bounds = !bytes.is_none() || !blocks.is_none();
        !says_more && !has_bounds && tag.as_ref().is_some_and(|glob| glob.matches(name))
    }
}

impl Bounds {
    fn hold(self, figure: u64) -> bool {
        self.min.is_none_or(|min| figure >= min) && self.max.is_none_or(|max| figure <= max)
    }

    fn is_none(self) -> bool {
        self.min.is_none() && self.max.is_none()
    }
}
