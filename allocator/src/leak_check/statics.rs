//! Names of static variables, in the process itself: for reports.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use backtrace::SymbolName;
use object::read::elf::ElfFile64;
use object::{
    Endianness, Object, ObjectSymbol, ObjectSymbolTable, ReadCache, SymbolIndex, SymbolKind,
};

use super::modules::{self, Module};

/// A file whose symbols were read.
struct Known {
    path: PathBuf,
    /// By address.
    variables: Vec<Variable>,
}

/// A variable of a file, at its own addresses.
struct Variable {
    start: u64,
    end: u64,
    /// Which of the file's symbols it is.
    symbol: SymbolIndex,
    /// Read once it is asked for.
    name: Option<String>,
}

static KNOWN: LazyLock<Mutex<Vec<Known>>> = LazyLock::new(Mutex::default);

/// So many variables may share an address.
const ALIASES_MAX: usize = 8;

/// The path of the variable at an address; where the file has no symbol for it, the
/// file and the place in it. Reads the symbols of a file once, which takes some
/// milliseconds.
pub(super) fn name(address: usize) -> String {
    let Some(Module { path, bias }) = modules::of(address as u64) else { return String::new() };
    let (path, address) = (PathBuf::from(path), address as u64 - bias);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let at = known.iter().position(|file| file.path == path).unwrap_or_else(|| {
        known.push(Known::read(&path));
        known.len() - 1
    });
    let name = known.get_mut(at).and_then(|file| file.name(address));
    name.unwrap_or_else(|| {
        let file = path.file_name().unwrap_or_default();
        format!("{}+{address:#x}", file.to_string_lossy())
    })
}

impl Known {
    fn read(path: &Path) -> Self {
        Self { path: path.to_owned(), variables: variables(path).unwrap_or_default() }
    }

    /// The name of the variable at an address of the file.
    fn name(&mut self, address: u64) -> Option<String> {
        let Self { path, variables } = self;
        let behind = variables.partition_point(|variable| variable.start <= address);
        let before = variables.get_mut(..behind)?.iter_mut().rev().take(ALIASES_MAX);
        let variable = before.into_iter().find(|variable| address < variable.end)?;
        if variable.name.is_none() {
            variable.name = symbol_name(path, variable.symbol);
        }
        variable.name.clone()
    }
}

/// The variables of a file, by all of its symbols, or by those for the loader where
/// there are no others.
fn variables(path: &Path) -> Option<Vec<Variable>> {
    let file = ReadCache::new(File::open(path).ok()?);
    let file = ElfFile64::<Endianness, _>::parse(&file).ok()?;
    let table = file.symbol_table().or_else(|| file.dynamic_symbol_table())?;
    let data = table.symbols().filter(|symbol| symbol.kind() == SymbolKind::Data);
    let mut variables: Vec<Variable> = data
        .map(|symbol| Variable {
            start: symbol.address(),
            end: symbol.address().saturating_add(symbol.size()),
            symbol: symbol.index(),
            name: None,
        })
        .collect();
    // Of variables at one address the last, which is the smallest, is found first.
    variables.sort_by_key(|variable| (variable.start, u64::MAX - variable.end));
    Some(variables)
}

/// The name of a file's symbol, without hash.
fn symbol_name(path: &Path, symbol: SymbolIndex) -> Option<String> {
    let file = ReadCache::new(File::open(path).ok()?);
    let file = ElfFile64::<Endianness, _>::parse(&file).ok()?;
    let table = file.symbol_table().or_else(|| file.dynamic_symbol_table())?;
    let symbol = table.symbol_by_index(symbol).ok()?;
    Some(format!("{:#}", SymbolName::new(symbol.name_bytes().ok()?)))
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn a_variable_has_its_path() {
        static LOCAL: [AtomicU64; 4] = [const { AtomicU64::new(1) }; 4];
        let name_of = |place: &AtomicU64| name(black_box(core::ptr::from_ref(place).addr()));
        let path = "scrubjay::leak_check::statics::tests::a_variable_has_its_path::LOCAL";
        assert_eq!(name_of(&LOCAL[0]), path);
        assert_eq!(name_of(&LOCAL[3]), path);
        let on_stack = AtomicU64::new(0);
        assert_eq!(name_of(&on_stack), "");
    }
}
