//! Names of frames, in the process itself: for reports, never while recording.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::site;

/// One function of a stack; of an inlined call, one for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// The function's path, without hash; empty where it is not known.
    pub function: String,
    /// Its source file.
    pub file: Option<PathBuf>,
    /// The line of the call, 1-based.
    pub line: Option<u32>,
}

static KNOWN: LazyLock<Mutex<HashMap<u32, Vec<Frame>>>> = LazyLock::new(Mutex::default);

/// Calls `then` with the frames of a site's stack, innermost first; none where
/// the site has no stack. The first call for a site costs some microseconds a
/// frame, the first of all as long as reading the program's symbols takes.
pub(super) fn of<T>(site: u32, then: impl FnOnce(&[Frame]) -> T) -> T {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    then(known.entry(site).or_insert_with(|| resolve(site)))
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
    frames
}

/// Crates whose frames say little about whose a leak is.
const LIBRARIES: [&str; 8] =
    ["alloc::", "core::", "std::", "hashbrown::", "scrubjay::", "__rustc::", "__rust_", "<alloc::"];

impl Frame {
    /// Whether it is of the standard library, or of scrubjay.
    pub(super) fn is_library(&self) -> bool {
        let name = self.function.trim_start_matches('<').trim_start_matches("dyn ");
        self.function.is_empty() || LIBRARIES.iter().any(|library| name.starts_with(library))
    }

    /// Whether the work of a check ends here, and what called it begins.
    pub(super) fn is_end(&self) -> bool {
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

/// A path as seen from the working directory, if it lies below.
fn shorter(path: &Path) -> &Path {
    let below = std::env::current_dir().ok();
    below.and_then(|folder| path.strip_prefix(folder).ok()).unwrap_or(path)
}
