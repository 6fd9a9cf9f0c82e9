//! Names of frames, in the process itself: for reports, never while recording.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Serialize;

use super::plain::Plain;
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

/// Whether these names have their paths, which `debug = "line-tables-only"` leaves
/// out.
pub(crate) fn have_paths(frames: &[Frame]) -> bool {
    let mut known = frames.iter().filter_map(Frame::has_path).peekable();
    known.peek().is_none() || known.any(|has| has)
}

/// A function of a stack, with all that is known of it.
pub(super) struct Named {
    /// The address in its code that the stack has.
    pub(super) address: u64,
    /// Its name is empty where it is not known.
    pub(super) frame: Frame,
    pub(super) column: Option<u32>,
    /// It is inlined into the next one.
    pub(super) is_inlined: bool,
}

/// All functions of a site's stack, innermost first: of an address without symbols
/// one that nothing is known of.
pub(super) fn named(site: u32) -> Vec<Named> {
    let mut all = Vec::new();
    site::each_address(site, |address| {
        // A return address lies behind its call.
        let address = address as u64 - 1;
        let first = all.len();
        backtrace::resolve(address as *mut _, |symbol| {
            let name = symbol.name().map(|name| format!("{name:#}"));
            let frame = Frame {
                function: name.unwrap_or_default(),
                file: symbol.filename().map(PathBuf::from),
                line: symbol.lineno(),
            };
            all.push(Named { address, frame, column: symbol.colno(), is_inlined: true });
        });
        if all.len() == first {
            let frame = Frame::default();
            all.push(Named { address, frame, column: None, is_inlined: false });
        } else if let Some(outermost) = all.last_mut() {
            outermost.is_inlined = false;
        }
    });
    all
}

fn resolve(site: u32) -> Vec<Frame> {
    let frames = named(site).into_iter().map(|named| named.frame);
    let mut frames: Vec<Frame> = frames.filter(|frame| *frame != Frame::default()).collect();
    // The way through the allocator is not always the same.
    let mut own = frames.iter().take(OWN_MAX).enumerate().filter(|(_, frame)| frame.is_own());
    let entry = own.next_back().map_or(0, |(last, _)| last + 1);
    frames.drain(..entry);
    frames
}

/// How many of a stack's first frames may be the allocator's own, inlined calls
/// counted apart.
const OWN_MAX: usize = 24;
/// How their names begin, and below [`sources`] their files: of an inlined call
/// `debug = "line-tables-only"` leaves a name without its path.
const OWN: [(&str, &str); 7] = [
    ("__rustc::__rust_", "\0"),
    ("__rust_alloc", "\0"),
    ("__rust_realloc", "\0"),
    ("scrubjay::recorder::", "recorder/"),
    ("scrubjay::take::", "take.rs"),
    ("scrubjay::realloc::", "realloc.rs"),
    ("<scrubjay::allocator::", "allocator.rs"),
];
/// The same of the checks.
const CHECK: [(&str, &str); 2] =
    [("scrubjay::leak_check::", "leak_check/"), ("<scrubjay::leak_check::", "leak_check/")];

/// Crates whose frames say little about whose a leak is.
const LIBRARIES: [&str; 8] =
    ["alloc::", "core::", "std::", "hashbrown::", "scrubjay::", "__rustc::", "__rust_", "<alloc::"];
/// What is in the paths of their files.
const LIBRARY_FILES: [&str; 5] =
    ["/library/alloc/src/", "/library/core/src/", "/library/std/src/", "/hashbrown-", "/rustc/"];

/// The folder of this crate's sources, as the compiler names it.
fn sources() -> &'static str {
    file!().strip_suffix("leak_check/symbols.rs").unwrap_or("\0")
}

impl Frame {
    /// The file, below the folder of this crate's sources.
    fn own_file(&self) -> Option<&str> {
        self.file.as_ref()?.to_str()?.split_once(sources()).map(|(_, below)| below)
    }

    /// Whether it is one of these, by its file where that is known.
    fn is_one(&self, of: &[(&str, &str)]) -> bool {
        let file = self.own_file();
        of.iter().any(|(function, own)| {
            self.function.starts_with(function) || file.is_some_and(|file| file.starts_with(own))
        })
    }

    /// Whether it is a function of Rust whose name has a path.
    fn has_path(&self) -> Option<bool> {
        let is_rust = self.file.as_ref()?.extension()? == "rs" && !self.is_library();
        let (name, _) = self.function.split_once('<').unwrap_or((&self.function, ""));
        is_rust.then(|| name.is_empty() || name.contains("::"))
    }

    fn is_own(&self) -> bool {
        self.is_one(&OWN)
    }

    /// Whether it is of the standard library, or of scrubjay.
    pub(crate) fn is_library(&self) -> bool {
        if let Some(file) = self.file.as_deref().and_then(Path::to_str) {
            return self.own_file().is_some() || LIBRARY_FILES.iter().any(|of| file.contains(of));
        }
        let name = self.function.trim_start_matches('<').trim_start_matches("dyn ");
        self.function.is_empty() || LIBRARIES.iter().any(|library| name.starts_with(library))
    }

    /// Whether the work of a check ends here, and what called it begins.
    fn is_end(&self) -> bool {
        self.is_one(&CHECK)
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(out, "{}", Plain(&shorter(file).to_string_lossy()))?;
            self.line.map_or(Ok(()), |line| write!(out, ":{line}"))?;
            out.write_str(" ")?;
        }
        write!(out, "{}", Plain(&self.function))
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
