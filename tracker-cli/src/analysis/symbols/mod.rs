//! From the addresses of stacks to functions, files and lines.
//!
//! A log's own symbols come first; for what it lacks the module's file or its
//! debug file is found by build-id, read by as many threads as there are
//! processors, and what was found is kept for the next time.

pub mod cache;
mod dwarf;
mod elf;
mod find;
pub mod fold;
mod frame;
mod index;
mod missing;
mod names;
mod pool;
pub mod stored;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use scrubjay_log_format::{Module, SymbolFrame};

use self::cache::Cache;
use self::dwarf::Resolved;
use self::elf::Detail;
use self::find::{Finder, Found, hex};
pub use self::frame::{Code, Frame};
pub use self::missing::Missing;
use self::names::Names;
use self::stored::Known;
use super::damage::Damages;
use super::file::LogFile;
use super::modules::Modules;
use crate::error::Error;
use crate::text;

/// Lines are known then, and the functions that were not inlined.
const SPLIT_MISSING: &str =
    "its split debug information (.dwo, .dwp) was not found, so inlined functions are not known";

/// How symbols are looked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folders to look for binaries and debug files in, before anywhere else.
    pub folders: Vec<PathBuf>,
    /// Where what was found is kept between runs; `None` for nowhere.
    pub cache: Option<PathBuf>,
}

/// What the addresses of a log are.
#[derive(Debug, Default)]
pub struct Symbols {
    frames: HashMap<u64, Box<[Frame]>>,
    missing: Vec<Missing>,
    caveats: Vec<String>,
    /// Symbols in the log that could not be read.
    pub damages: Damages,
}

/// The addresses of one module.
struct Part<'m> {
    module: &'m Module,
    /// Return addresses, sorted.
    addresses: Vec<u64>,
    found: Found,
    cache: Option<Cache>,
    /// By the addresses that are looked up in the module's file.
    known: Known,
    /// Why there is not more, where that is not for want of a file.
    trouble: Option<String>,
}

impl Symbols {
    /// Finds out what these return addresses are.
    ///
    /// # Errors
    /// Where the log cannot be read. That there is no symbol for an address is
    /// no error, but [`missing`](Self::missing).
    pub fn resolve(
        file: &LogFile,
        modules: &Modules,
        addresses: impl IntoIterator<Item = u64>,
        options: &Options,
    ) -> Result<Self, Error> {
        let mut symbols = Self::default();
        let mut names = Names::default();
        let stored = stored::read(file, &mut names, &mut symbols.damages)?;
        let mut by_module: BTreeMap<Option<u32>, Vec<u64>> = BTreeMap::new();
        let mut ambiguous = 0;
        for address in addresses {
            let module = modules.find(instruction(address), None);
            let number = module.map(|module| module.index);
            if let Some(codes) = stored.get(&address).filter(|codes| !codes.is_empty()) {
                symbols.add(address, module, codes, &mut names);
                continue;
            }
            ambiguous += u64::from(modules.is_ambiguous(instruction(address)));
            by_module.entry(number).or_default().push(address);
        }
        let finder = Finder::new(&options.folders);
        let mut parts = Vec::new();
        for (number, mut addresses) in by_module {
            addresses.sort_unstable();
            addresses.dedup();
            match number.and_then(|number| modules.numbered(number)) {
                Some(module) => {
                    parts.push(Part::new(module, addresses, options, &finder, &mut names));
                }
                None => symbols.add_homeless(&addresses, &mut names),
            }
        }
        look_up(&mut parts, &finder);
        for part in &parts {
            symbols.add_part(part, &mut names);
        }
        symbols.missing.sort_by_key(|missing| {
            std::cmp::Reverse((missing.without_function, missing.without_line))
        });
        if ambiguous > 0 {
            let frames = text::plural(ambiguous, "frame");
            let caveat = "lie where two modules were one after another; the first is taken";
            symbols.caveats.push(format!("{frames} {caveat}"));
        }
        symbols.caveats.extend(finder.complaint());
        Ok(symbols)
    }

    /// What an address is: a function and before it what was inlined into it,
    /// innermost first. One frame that knows no function where there was no
    /// symbol; none for an address that was not asked for.
    pub fn frames_of(&self, address: u64) -> &[Frame] {
        self.frames.get(&address).map_or(&[], |frames| frames)
    }

    /// What is known of an address, as a log carries it.
    pub fn stored_frames_of(&self, address: u64) -> impl Iterator<Item = SymbolFrame<'_>> {
        let codes = self.frames_of(address).iter().map(|frame| &frame.code);
        stored::frames(address, codes.filter(|code| **code != Code::default()))
    }

    /// The modules that lack symbols, those with the most addresses first.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// What to know about the symbols that were found.
    pub fn caveats(&self) -> &[String] {
        &self.caveats
    }

    fn add(&mut self, address: u64, module: Option<&Module>, codes: &[Code], names: &mut Names) {
        let path = module.and_then(|module| names.some(&module.path));
        let module_address = module.map_or(address, |module| address.wrapping_sub(module.bias));
        let frame = |code| Frame { address, code, module: path.clone(), module_address };
        let frames: Box<[Frame]> = if codes.is_empty() {
            Box::new([frame(Code::default())])
        } else {
            codes.iter().cloned().map(frame).collect()
        };
        self.frames.insert(address, frames);
    }

    /// Addresses in none of the log's modules.
    fn add_homeless(&mut self, addresses: &[u64], names: &mut Names) {
        for address in addresses {
            self.add(*address, None, &[], names);
        }
        let count = addresses.len() as u64;
        let why = "generated code, or a library that came and went unseen".to_owned();
        self.missing.push(Missing {
            addresses: count,
            without_function: count,
            why,
            ..Missing::default()
        });
    }

    fn add_part(&mut self, part: &Part<'_>, names: &mut Names) {
        let mut missing = Missing { addresses: part.addresses.len() as u64, ..Missing::default() };
        for &address in &part.addresses {
            let codes = part.known.get(&part.looked_up(address)).map_or(&[][..], Vec::as_slice);
            self.add(address, Some(part.module), codes, names);
            let has_function = codes.iter().any(|code| code.function.is_some());
            // Nobody misses the lines of a program's start.
            let has_line = codes.iter().any(|code| code.line.is_some())
                || self.frames_of(address).iter().all(fold::is_plumbing);
            missing.without_function += u64::from(!has_function);
            missing.without_line += u64::from(has_function && !has_line);
        }
        if missing.without_function + missing.without_line > 0 {
            missing.module.clone_from(&part.module.path);
            missing.build_id = hex(&part.module.build_id);
            missing.why = part.why();
            missing.refused.clone_from(&part.found.refused);
            missing.looked_in.clone_from(&part.found.looked_in);
            self.missing.push(missing);
        } else if let Some(trouble) = &part.trouble {
            self.caveats.push(format!("{}: {trouble}", part.module.path));
        }
        if part.found.is_unproven {
            let path = &part.module.path;
            let caveat = "has no build-id: its symbols are wrong if it was built anew since";
            self.caveats.push(format!("{path} {caveat}"));
        }
    }
}

impl<'m> Part<'m> {
    fn new(
        module: &'m Module,
        addresses: Vec<u64>,
        options: &Options,
        finder: &Finder<'_>,
        names: &mut Names,
    ) -> Self {
        let found = finder.find(module);
        let cache = options
            .cache
            .as_ref()
            .and_then(|folder| Cache::new(folder, &module.build_id, found.sources.as_ref()));
        let known = cache.as_ref().map(|cache| cache.read(names)).unwrap_or_default();
        Self { module, addresses, found, cache, known, trouble: None }
    }

    /// The address of an instruction, in the module's file.
    fn looked_up(&self, address: u64) -> u64 {
        instruction(address).wrapping_sub(self.module.bias)
    }

    /// What is yet to be looked up, where there is a file that may tell.
    fn job(&self) -> Option<pool::Job> {
        let sources = self.found.sources.clone()?;
        let looked_up = self.addresses.iter().map(|address| self.looked_up(*address));
        let mut addresses: Vec<u64> =
            looked_up.filter(|address| !self.known.contains_key(address)).collect();
        addresses.sort_unstable();
        (!addresses.is_empty()).then_some(pool::Job { sources, addresses })
    }

    fn finish(&mut self, result: Result<Resolved, String>) {
        let resolved = match result {
            Ok(resolved) => resolved,
            Err(why) => {
                self.trouble = Some(why);
                return;
            }
        };
        let (split, given_up) = (resolved.split_units_missing, resolved.given_up);
        self.known.extend(resolved.codes);
        if split > 0 {
            self.trouble = Some(SPLIT_MISSING.into());
        } else if given_up > 0 {
            self.trouble = Some("its debug information takes too long to read".into());
        } else if let Some(cache) = &self.cache
            && let Err(error) = cache.write(&self.known)
        {
            // Nothing is lost but time.
            tracing::debug!(%error, "symbols are not kept");
        }
    }

    /// Why not everything is known.
    fn why(&self) -> String {
        let Some(sources) = &self.found.sources else {
            return match &self.found.refused[..] {
                [] if !self.module.path.starts_with('/') => "it has no file".into(),
                [] => "its file was not found, and no debug file".into(),
                _ => "no file is the one that ran".into(),
            };
        };
        let path = sources.main.display();
        match (&self.trouble, self.found.detail) {
            (Some(trouble), _) => format!("{path}: {trouble}"),
            (None, Detail::Lines) => format!("{path} does not tell more"),
            (None, _) => format!("{path} has no debug information"),
        }
    }
}

/// The last byte of the call that returns to an address: what follows it may
/// belong to another line, or to another function.
fn instruction(address: u64) -> u64 {
    address.saturating_sub(1)
}

fn look_up(parts: &mut [Part<'_>], finder: &Finder<'_>) {
    let open = parts.iter_mut().filter_map(|part| part.job().map(|job| (part, job)));
    let (parts, jobs): (Vec<_>, Vec<_>) = open.unzip();
    for (part, result) in parts.into_iter().zip(pool::run(&jobs, finder)) {
        part.finish(result);
    }
}
