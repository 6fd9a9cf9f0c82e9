//! Names of frames, in the process itself: for reports, never while recording.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Serialize;

use crate::site;

/// One function of a stack; of an inlined call, one for each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Frame {
    /// The function's path, without hash; empty where it is not known.
    pub function: String,
    /// Its source file.
    pub file: Option<PathBuf>,
    /// The line of the call, 1-based.
    pub line: Option<u32>,
}

/// Frames by site.
static KNOWN: LazyLock<Mutex<HashMap<u32, Vec<Frame>>>> = LazyLock::new(Mutex::default);

/// Calls `then` with the frames of a site's stack, innermost first, those of the
/// allocator left out; none where the site has no stack. The first call for a
/// site costs some microseconds a frame, the first of all as long as reading the
/// program's symbols takes.
pub(crate) fn of<T>(site: u32, then: impl FnOnce(&[Frame]) -> T) -> T {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    then(known.entry(site).or_insert_with(|| resolve(site)))
}

/// What sites have in common that differ in the allocator's own ways alone.
pub(crate) fn place(site: u32) -> u64 {
    of(site, |frames| {
        let mut hasher = DefaultHasher::new();
        site::tag_of(site).hash(&mut hasher);
        frames.hash(&mut hasher);
        hasher.finish()
    })
}

fn resolve(site: u32) -> Vec<Frame> {
    let mut frames = Vec::new();
    site::each_address(site, |address| {
        // A return address lies behind its call.
        backtrace::resolve((address - 1) as *mut _, |symbol| {
            let name = symbol.name().map(|name| format!("{name:#}"));
            frames.push(Frame {
                function: name.unwrap_or_default(),
                file: symbol.filename().map(PathBuf::from),
                line: symbol.lineno(),
            });
        });
    });
    // The way through the allocator is not always the same.
    let mut own = frames.iter().take(OWN_MAX).enumerate().filter(|(_, frame)| frame.is_own());
    let entry = own.next_back().map_or(0, |(last, _)| last + 1);
    frames.drain(..entry);
    frames
}

/// How many of a stack's first frames may be the allocator's own, inlined calls
/// counted apart.
const OWN_MAX: usize = 24;
/// How their names begin.
const OWN: [&str; 5] = [
    "__rustc::__rust_",
    "scrubjay::recorder::",
    "scrubjay::take::",
    "scrubjay::realloc::",
    "<scrubjay::allocator::",
];

/// Crates whose frames say little about whose a leak is.
const LIBRARIES: [&str; 8] =
    ["alloc::", "core::", "std::", "hashbrown::", "scrubjay::", "__rustc::", "__rust_", "<alloc::"];

impl Frame {
    fn is_own(&self) -> bool {
        OWN.iter().any(|own| self.function.starts_with(own))
    }

    /// Whether it is of the standard library, or of scrubjay.
    pub(crate) fn is_library(&self) -> bool {
        let name = self.function.trim_start_matches('<').trim_start_matches("dyn ");
        self.function.is_empty() || LIBRARIES.iter().any(|library| name.starts_with(library))
    }

    /// Whether the work of a check ends here, and what called it begins.
    fn is_end(&self) -> bool {
        self.function.starts_with("scrubjay::leak_check::")
            || self.function.starts_with("<scrubjay::leak_check::")
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => {
                write!(out, "{}:{line} {}", shorter(file).display(), self.function)
            }
            (Some(file), None) => write!(out, "{} {}", shorter(file).display(), self.function),
            (None, _) => out.write_str(&self.function),
        }
    }
}

/// How many frames are shown of a stack.
const SHOWN_MAX: usize = 8;

/// Writes what a stack says of the program, a frame a line.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn show(frames: &[Frame], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let first = frames.iter().position(|frame| !frame.is_library());
    let mut hidden = first.unwrap_or(0);
    let mut count = 0;
    for frame in frames.iter().skip(first.unwrap_or(0)) {
        if frame.is_end() || count == SHOWN_MAX {
            break;
        }
        if frame.is_library() {
            hidden += 1;
            continue;
        }
        writeln!(out, "    {frame}")?;
        count += 1;
    }
    if hidden > 0 {
        writeln!(out, "    ({hidden} frames of libraries are left out)")?;
    }
    Ok(())
}

/// A path as seen from the working directory, if it lies below.
fn shorter(path: &Path) -> &Path {
    let below = std::env::current_dir().ok();
    below.and_then(|folder| path.strip_prefix(folder).ok()).unwrap_or(path)
}
