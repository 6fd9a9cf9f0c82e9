//! The symbols of one module: its files' debug information and symbol table,
//! read once and shared by the threads that look addresses up.

use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use addr2line::gimli::{
    self, AbbreviationsCacheStrategy, Dwarf, DwarfPackage, DwarfPackageSections, DwarfSections,
    EndianSlice, RunTimeEndian, SectionId,
};
use addr2line::{Context, LookupContinuation, LookupResult, SplitDwarfLoad, demangle_auto};
use object::{Object, ObjectSymbol, SymbolKind};
use scrubjay_suppressions::names::is_short_for;
use typed_arena::Arena;

use super::elf;
use super::find::{Finder, Sources};
use super::frame::Code;
use super::names::Names;

/// Most functions that are told of one address.
const FRAME_COUNT_MAX: usize = scrubjay_log_format::symbols::FRAME_COUNT_MAX as usize;
/// A longer name is not made readable: it is none.
const MANGLED_SIZE_MAX: usize = 64 << 10;
/// How long one thread goes on with one module. Ten thousand addresses take
/// about a second; whoever needs minutes reads what was made to take long.
const TIME_MAX: Duration = Duration::from_secs(300);

type Slice<'b> = EndianSlice<'b, RunTimeEndian>;

/// The bytes of a module's files.
#[derive(Debug)]
pub struct Files {
    main: Vec<u8>,
    supplement: Option<Vec<u8>>,
    package: Option<Vec<u8>>,
}

/// The parts of these that tell symbols, unpacked.
pub struct Debug<'b> {
    endian: RunTimeEndian,
    main: DwarfSections<Cow<'b, [u8]>>,
    supplement: Option<DwarfSections<Cow<'b, [u8]>>>,
    package: Option<DwarfPackageSections<Cow<'b, [u8]>>>,
    functions: Vec<Function<'b>>,
}

/// A function by the symbol table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Function<'b> {
    start: u64,
    /// The address behind it; its start where the table does not say.
    end: u64,
    name: &'b str,
}

/// What a thread found out of its addresses.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Each address of the file, with its functions, innermost first.
    pub codes: Vec<(u64, Vec<Code>)>,
    /// Units whose debug information stands in files that are not there.
    pub split_units_missing: u64,
    /// Addresses that it had no time for.
    pub given_up: u64,
}

impl Resolved {
    /// Adds what another thread found of the same module.
    pub fn merge(&mut self, other: Self) {
        self.codes.extend(other.codes);
        self.split_units_missing += other.split_units_missing;
        self.given_up += other.given_up;
    }
}

impl Files {
    /// Reads the files of a module.
    ///
    /// # Errors
    /// Why the one that matters cannot be read.
    pub fn read(sources: &Sources) -> Result<Self, String> {
        let beside = |path: &Option<PathBuf>| {
            path.as_deref().and_then(|path| {
                let read = elf::read(path);
                tracing::debug!(path = %path.display(), is_read = read.is_ok(), "beside it");
                read.ok()
            })
        };
        Ok(Self {
            main: elf::read(&sources.main)?,
            supplement: beside(&sources.supplement),
            package: beside(&sources.package),
        })
    }
}

impl<'b> Debug<'b> {
    /// Finds the sections in the files' bytes.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub fn of(files: &'b Files) -> Result<Self, String> {
        Self::parse(files).map_err(|error| error.to_string())
    }

    fn parse(files: &'b Files) -> Result<Self, gimli::Error> {
        let unusable = |_| gimli::Error::Io;
        let file = object::File::parse(&*files.main).map_err(unusable)?;
        let endian =
            if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
        let sections = |file: &object::File<'b>| {
            DwarfSections::load(|id| elf::section(file, id.name()).map_err(unusable))
        };
        let beside = |bytes: &'b Option<Vec<u8>>| {
            bytes.as_ref().and_then(|bytes| object::File::parse(&**bytes).ok())
        };
        let package = beside(&files.package).and_then(|file| {
            let section = |name: Option<&'static str>| match name {
                Some(name) => elf::section(&file, name).map_err(unusable),
                None => Ok(Cow::default()),
            };
            DwarfPackageSections::load(|id| section(id.dwo_name())).ok()
        });
        Ok(Self {
            endian,
            main: sections(&file)?,
            supplement: beside(&files.supplement).and_then(|file| sections(&file).ok()),
            package,
            functions: functions(&file),
        })
    }

    /// Looks addresses of the file up: those of instructions, not the return
    /// addresses behind them.
    pub fn resolve(&self, addresses: &[u64], finder: &Finder<'_>) -> Resolved {
        let arena = Arena::new();
        let reader = Reader::new(self, &arena, finder);
        let mut names = Names::default();
        let mut resolved = Resolved::default();
        let begun = Instant::now();
        for (done, &address) in addresses.iter().enumerate() {
            if begun.elapsed() > TIME_MAX {
                resolved.given_up = (addresses.len() - done) as u64;
                break;
            }
            let codes = reader.codes(address, &mut names);
            resolved.codes.push((address, codes));
        }
        resolved.split_units_missing = reader.split_units_missing.get();
        resolved
    }

    /// The function that the symbol table has at an address.
    fn function(&self, address: u64) -> Option<&'b str> {
        let behind = self.functions.partition_point(|function| function.start <= address);
        let function = self.functions.get(behind.checked_sub(1)?)?;
        // Hand-written code often has no size: it goes on to the next.
        let is_in = function.end == function.start || address < function.end;
        is_in.then_some(function.name)
    }
}

fn functions<'b>(file: &object::File<'b>) -> Vec<Function<'b>> {
    let all: Vec<_> = file.symbols().collect();
    let all = if all.is_empty() { file.dynamic_symbols().collect() } else { all };
    let functions =
        all.iter().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition());
    let mut functions: Vec<Function<'_>> = functions
        .filter_map(|symbol| {
            let start = symbol.address();
            let name = symbol.name().ok().filter(|name| !name.is_empty())?;
            Some(Function { start, end: start.saturating_add(symbol.size()), name })
        })
        .collect();
    functions.sort_unstable();
    functions
}

/// One thread's way into the debug information: what it has parsed is its own.
struct Reader<'a> {
    debug: &'a Debug<'a>,
    context: Option<Context<Slice<'a>>>,
    package: Option<DwarfPackage<Slice<'a>>>,
    /// Split files that were read on the way.
    arena: &'a Arena<Vec<u8>>,
    finder: &'a Finder<'a>,
    split_units_missing: Cell<u64>,
}

impl<'a> Reader<'a> {
    fn new(debug: &'a Debug<'a>, arena: &'a Arena<Vec<u8>>, finder: &'a Finder<'a>) -> Self {
        let slice = |section: &'a Cow<'a, [u8]>| EndianSlice::new(section, debug.endian);
        let mut dwarf = debug.main.borrow_with_sup(debug.supplement.as_ref(), slice);
        dwarf.populate_abbreviations_cache(AbbreviationsCacheStrategy::Duplicates);
        let empty = EndianSlice::new(&[], debug.endian);
        let package = debug.package.as_ref().and_then(|package| package.borrow(slice, empty).ok());
        let context = Context::from_dwarf(dwarf).ok();
        let split_units_missing = Cell::new(0);
        Self { debug, context, package, arena, finder, split_units_missing }
    }

    /// The functions of an address, innermost first; none where nothing is
    /// known.
    fn codes(&self, address: u64, names: &mut Names) -> Vec<Code> {
        let mut codes = self.lines(address, names).unwrap_or_default();
        let Some(symbol) = self.debug.function(address) else { return codes };
        let symbol = readable(symbol.into(), None);
        match codes.last_mut() {
            Some(outermost) => {
                // Assembly has lines and no functions.
                let is_better =
                    outermost.function.as_deref().is_none_or(|name| is_short_for(name, &symbol));
                if is_better {
                    outermost.function = names.some(&symbol);
                }
            }
            None => codes.push(Code { function: names.some(&symbol), ..Code::default() }),
        }
        codes
    }

    /// The same by the debug information alone.
    fn lines(&self, address: u64, names: &mut Names) -> Option<Vec<Code>> {
        let mut lookup = self.context.as_ref()?.find_frames(address);
        let mut frames = loop {
            match lookup {
                LookupResult::Output(frames) => break frames.ok()?,
                LookupResult::Load { load, continuation } => {
                    let loaded = self.split(&load);
                    if loaded.is_none() {
                        self.split_units_missing.update(|count| count + 1);
                    }
                    lookup = continuation.resume(loaded);
                }
            }
        };
        let mut codes: Vec<Code> = Vec::new();
        while codes.len() < FRAME_COUNT_MAX
            && let Ok(Some(frame)) = frames.next()
        {
            let function = frame.function.and_then(|function| {
                let name = function.raw_name().ok()?;
                names.some(&readable(name, function.language))
            });
            let location = frame.location;
            let file = location.as_ref().and_then(|location| names.some(location.file?));
            let line = location.as_ref().and_then(|location| location.line);
            let column = location.as_ref().and_then(|location| location.column);
            let is_known = |number: &u32| *number > 0;
            codes.push(Code {
                function,
                file,
                line: line.filter(is_known),
                column: column.filter(is_known),
                is_inlined: true,
            });
        }
        if let Some(outermost) = codes.last_mut() {
            outermost.is_inlined = false;
        }
        Some(codes)
    }

    /// Debug information that stands in a package or in a file of its own,
    /// each of which proves by its number to be the one meant.
    fn split(&self, load: &SplitDwarfLoad<Slice<'a>>) -> Option<Arc<Dwarf<Slice<'a>>>> {
        let in_package = |package: &DwarfPackage<Slice<'a>>| {
            package.find_cu(load.dwo_id, &load.parent).ok().flatten()
        };
        if let Some(found) = self.package.as_ref().and_then(in_package) {
            return Some(Arc::new(found));
        }
        let path = |bytes: &Slice<'a>| PathBuf::from(OsStr::from_bytes(bytes.slice()));
        let name = path(load.path.as_ref()?);
        let named = load.comp_dir.as_ref().map(path).unwrap_or_default().join(&name);
        let near = self.split_file(&named, load);
        let found = near.or_else(|| {
            let elsewhere = self.finder.with_name(name.file_name()?);
            elsewhere.iter().find_map(|path| self.split_file(path, load))
        });
        found.map(Arc::new)
    }

    fn split_file(
        &self,
        path: &Path,
        load: &SplitDwarfLoad<Slice<'a>>,
    ) -> Option<Dwarf<Slice<'a>>> {
        let bytes: &'a Vec<u8> = self.arena.alloc(elf::read(path).ok()?);
        let file = object::File::parse(&**bytes).ok()?;
        let endian = self.debug.endian;
        let section = |id: SectionId| {
            let bytes: &'a [u8] = match id.dwo_name().map(|name| elf::section(&file, name)) {
                Some(Ok(Cow::Borrowed(bytes))) => bytes,
                Some(Ok(Cow::Owned(bytes))) => self.arena.alloc(bytes),
                Some(Err(_)) | None => &[],
            };
            Ok::<_, gimli::Error>(EndianSlice::new(bytes, endian))
        };
        let mut dwarf = Dwarf::load(section).ok()?;
        let header = dwarf.units().next().ok()??;
        if dwarf.unit(header).ok()?.dwo_id != Some(load.dwo_id) {
            return None;
        }
        dwarf.make_dwo(&load.parent);
        Some(dwarf)
    }
}

/// A name as its programmer wrote it, without a hash at its end.
fn readable(name: Cow<'_, str>, language: Option<gimli::DwLang>) -> Cow<'_, str> {
    if name.len() > MANGLED_SIZE_MAX {
        let end = name.floor_char_boundary(MANGLED_SIZE_MAX);
        return Cow::Owned(name[..end].to_owned());
    }
    // A C compiler's unit may call a function of Rust, by its symbol.
    demangle_auto(name, language.filter(|language| *language != gimli::DW_LANG_C))
}
