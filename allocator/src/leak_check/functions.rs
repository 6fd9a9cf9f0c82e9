//! Functions by the symbol tables of files. Where a program has line tables and
//! no more, as in release, these know the last part of a function's path alone.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::sync::{LazyLock, Mutex, PoisonError};

use object::{Object, ObjectSymbol, ReadCache, SymbolKind};
use scrubjay_suppressions::names::is_short_for;

use super::modules;

/// Tables by the files' paths, each read once.
static TABLES: LazyLock<Mutex<HashMap<String, Table>>> = LazyLock::new(Mutex::default);

/// The functions of a file.
#[derive(Default)]
struct Table {
    /// In the order of their addresses.
    functions: Vec<Function>,
    /// All names, one behind another.
    names: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Function {
    start: u64,
    /// Where it ends; its start where the table does not say.
    end: u64,
    name: Range<usize>,
}

/// The name of the function at an address that another name is the last part of,
/// readable.
pub(super) fn whole_name(address: u64, name: &str) -> Option<String> {
    // Most names are whole, and the table is not read for them.
    let own = name.split('<').next().unwrap_or(name);
    if own.is_empty() || own.contains("::") {
        return None;
    }
    let module = modules::of(address)?;
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    let table =
        tables.entry(module.path).or_insert_with_key(|path| Table::read(path).unwrap_or_default());
    let raw = table.name(address.wrapping_sub(module.bias))?;
    let whole = format!("{:#}", backtrace::SymbolName::new(raw.as_bytes()));
    is_short_for(name, &whole).then_some(whole)
}

impl Table {
    fn read(path: &str) -> Option<Self> {
        let bytes = ReadCache::new(File::open(path).ok()?);
        let file = object::File::parse(&bytes).ok()?;
        let mut table = Self::default();
        if file.symbols().next().is_some() {
            table.add(file.symbols());
        } else {
            table.add(file.dynamic_symbols());
        }
        table.functions.sort_unstable_by_key(|function| (function.start, function.end));
        Some(table)
    }

    fn add<'d, S: ObjectSymbol<'d>>(&mut self, symbols: impl Iterator<Item = S>) {
        for symbol in symbols.filter(|it| it.kind() == SymbolKind::Text && it.is_definition()) {
            let Ok(name) = symbol.name() else { continue };
            let start = symbol.address();
            let begin = self.names.len();
            self.names.push_str(name);
            self.functions.push(Function {
                start,
                end: start.saturating_add(symbol.size()),
                name: begin..self.names.len(),
            });
        }
    }

    /// The name at an address of the file.
    fn name(&self, address: u64) -> Option<&str> {
        let behind = self.functions.partition_point(|function| function.start <= address);
        let function = self.functions.get(behind.checked_sub(1)?)?;
        // Hand-written code often has no size: it goes on to the next.
        let is_in = function.end == function.start || address < function.end;
        self.names.get(function.name.clone()).filter(|name| is_in && !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn here() {
        std::hint::black_box(());
    }

    #[test]
    fn a_short_name_gets_its_path() {
        let address = std::hint::black_box(here as fn()) as usize as u64;
        let whole = whole_name(address, "here").unwrap();
        assert_eq!(whole, concat!(module_path!(), "::here"));
        for name in ["there", "a::here", ""] {
            assert_eq!(whole_name(address, name), None, "{name}");
        }
        assert_eq!(whole_name(8, "here"), None);
    }
}
