//! What files of suppressions say of what a check found: the same as the command
//! line makes of them, by the same names.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::{env, fs};

use scrubjay_suppressions::{Match, Subject, Suppression, fold, names};

use super::report::LeakKind;
use super::survey::Group;
use super::symbols::{self, Named};
use super::{LeakCheckError, functions, modules};
use crate::{os, site, tag};

/// Names the file that is for all checks.
const VARIABLE: &str = "SCRUBJAY_SUPPRESSIONS";

/// The files of a check.
#[derive(Debug)]
pub(super) struct Files {
    own: Vec<File>,
    shared: Option<&'static File>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    suppression: Suppression,
    is_used: AtomicBool,
    /// Something would have been its but for its size.
    is_close: AtomicBool,
}

/// A frame as the command line shows it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    name: String,
    module: Option<String>,
    file: Option<PathBuf>,
    line: Option<u32>,
    column: Option<u32>,
    is_inlined: bool,
    /// Where the line is not known, the address tells frames apart.
    address: u64,
}

type Stack = Arc<[Shown]>;

impl Files {
    /// Reads those of a check.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, LeakCheckError> {
        let own = paths.iter().map(|path| File::read(path)).collect::<Result<_, _>>()?;
        Ok(Self { own, shared: shared()? })
    }

    /// For each of these groups, which entry lets it pass, and why.
    pub(super) fn reasons(&self, found: &[(&Group, LeakKind)]) -> Vec<Option<String>> {
        if self.all().next().is_none() {
            return found.iter().map(|_| None).collect();
        }
        let key = |&(group, kind): &(&Group, LeakKind)| {
            let name = tag::name_or_unknown(site::tag_of(group.site));
            (kind, name, stack(group.site))
        };
        let keys: Vec<(LeakKind, &str, Stack)> = found.iter().map(key).collect();
        // What reads alike is one for an entry, whatever holds it.
        let mut sums: BTreeMap<&(LeakKind, &str, Stack), (u64, u64)> = BTreeMap::new();
        for (key, (group, _)) in keys.iter().zip(found) {
            let (bytes, blocks) = sums.entry(key).or_default();
            *bytes += group.bytes;
            *blocks += group.blocks;
        }
        let reasons = sums.into_iter().map(|(key, (bytes, blocks))| {
            let (_, tag, stack) = key;
            let subject = Subject {
                tag,
                functions: stack.iter().map(|frame| &frame.name[..]).collect(),
                modules: stack.iter().filter_map(|frame| frame.module.as_deref()).collect(),
                bytes,
                blocks,
            };
            (key, self.find(&subject))
        });
        let reasons: BTreeMap<_, Option<String>> = reasons.collect();
        keys.iter().map(|key| reasons.get(key).cloned().flatten()).collect()
    }

    fn find(&self, subject: &Subject<'_>) -> Option<String> {
        for (file, entry) in self.all() {
            match entry.suppression.matches(subject) {
                Match::Yes => {
                    entry.is_used.store(true, Ordering::Relaxed);
                    let Suppression { name, reason, .. } = &entry.suppression;
                    return Some(format!("{}: {name}: {reason}", file.place(entry)));
                }
                Match::ButForSize => entry.is_close.store(true, Ordering::Relaxed),
                Match::No => {}
            }
        }
        None
    }

    fn all(&self) -> impl Iterator<Item = (&File, &Entry)> {
        let files = self.own.iter().chain(self.shared);
        files.flat_map(|file| file.entries.iter().map(move |entry| (file, entry)))
    }

    /// The entries of the check's own files that nothing was about.
    pub(super) fn unused(&self) -> Vec<String> {
        self.own.iter().flat_map(File::unused).collect()
    }
}

/// The entries of the file for all checks that nothing was about in any.
pub(super) fn unused_of_all() -> Vec<String> {
    shared().ok().flatten().map(|file| file.unused().collect()).unwrap_or_default()
}

/// The file for all checks, read once.
fn shared() -> Result<Option<&'static File>, LeakCheckError> {
    static SHARED: OnceLock<Result<Option<File>, LeakCheckError>> = OnceLock::new();
    let read = SHARED.get_or_init(|| {
        let path = env::var_os(VARIABLE).filter(|path| !path.is_empty() && !os::is_privileged());
        path.map(|path| File::read(Path::new(&path))).transpose()
    });
    read.as_ref().map(Option::as_ref).map_err(Clone::clone)
}

impl File {
    fn read(path: &Path) -> Result<Self, LeakCheckError> {
        let wrong = |line, what| LeakCheckError::Suppressions { path: path.into(), line, what };
        let text = fs::read_to_string(path).map_err(|error| wrong(None, error.to_string()))?;
        let all =
            Suppression::read_all(&text).map_err(|fault| wrong(Some(fault.line), fault.what))?;
        let entry = |suppression| Entry {
            suppression,
            is_used: AtomicBool::new(false),
            is_close: AtomicBool::new(false),
        };
        Ok(Self { path: path.into(), entries: all.into_iter().map(entry).collect() })
    }

    fn place(&self, entry: &Entry) -> String {
        format!("{}:{}", self.path.display(), entry.suppression.line)
    }

    fn unused(&self) -> impl Iterator<Item = String> {
        let unused = self.entries.iter().filter(|entry| !entry.is_used.load(Ordering::Relaxed));
        unused.map(|entry| {
            let Suppression { name, reason, .. } = &entry.suppression;
            let is_close = entry.is_close.load(Ordering::Relaxed);
            let but = if is_close { "; it would match but for a size" } else { "" };
            format!("{}: {name}: {reason}{but}", self.place(entry))
        })
    }
}

/// A site's stack as the command line shows it, innermost frame first.
fn stack(site: u32) -> Stack {
    static KNOWN: LazyLock<Mutex<HashMap<u32, Stack>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(site).or_insert_with(|| read(symbols::named(site))).clone()
}

fn read(mut all: Vec<Named>) -> Stack {
    for named in all.iter_mut().filter(|named| !named.is_inlined) {
        if let Some(whole) = functions::whole_name(named.address, &named.frame.function) {
            named.frame.function = whole;
        }
    }
    let frames: Vec<fold::Frame<'_>> = all.iter().map(asked).collect();
    let kept = fold::kept(&fold::abouts(&frames));
    kept.into_iter().map(|at| Shown::of(&all[at])).collect()
}

fn asked(named: &Named) -> fold::Frame<'_> {
    let Named { frame, is_inlined, .. } = named;
    fold::Frame {
        function: Some(&frame.function[..]).filter(|name| !name.is_empty()),
        file: frame.file.as_ref().and_then(|file| file.to_str()),
        line: frame.line,
        is_inlined: *is_inlined,
    }
}

impl Shown {
    fn of(named: &Named) -> Self {
        let Named { address, frame, column, is_inlined } = named;
        let module = modules::of(*address);
        // As the command line has it: the address behind the call.
        let behind = address + 1;
        let within = module.as_ref().map_or(behind, |module| behind.wrapping_sub(module.bias));
        let module = module.map(|module| module.path);
        let name = match &frame.function[..] {
            "" => names::unnamed(module.as_deref(), within, behind),
            name => name.to_owned(),
        };
        let is_placed = frame.file.is_some() && frame.line.is_some();
        Self {
            name,
            module,
            file: frame.file.clone(),
            line: frame.line,
            column: *column,
            is_inlined: *is_inlined,
            address: if is_placed { 0 } else { *address },
        }
    }
}
