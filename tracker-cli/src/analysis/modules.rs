//! The modules of a log: which file an address comes from.

use scrubjay_log_format::{ChunkKind, FormatError, Module, module};

use super::damage::Damages;
use super::file::LogFile;
use super::tables;
use crate::error::Error;

/// The program and its libraries, in the order of their numbers.
#[derive(Debug, Default)]
pub struct Modules {
    list: Vec<Module>,
    /// What could not be read.
    pub damages: Damages,
}

impl Modules {
    /// Reads the modules.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn read(file: &LogFile) -> Result<Self, Error> {
        let mut modules = Self::default();
        let Self { list, damages } = &mut modules;
        tables::each_record(file, ChunkKind::Modules, damages, |index, record| {
            let Some(module) = Module::decode(record)? else { return Ok(()) };
            let is_in_place = module.index == index;
            if !is_in_place || module.index >= module::COUNT_MAX || module.start > module.end {
                let (field, value) = ("module", module.index.into());
                return Err(FormatError::Value { field, value });
            }
            list.push(module);
            Ok(())
        })?;
        list.sort_by_key(|module| module.index);
        list.dedup_by_key(|module| module.index);
        tracing::debug!(modules = list.len(), "modules read");
        Ok(modules)
    }

    /// The module that an address lies in, at a moment where one is given.
    /// Where several were there one after another and no moment tells, it is
    /// the one that was there first.
    pub fn find(&self, address: u64, ticks: Option<u64>) -> Option<&Module> {
        let was_there = |module: &&Module| {
            let is_gone = |ticks| module.unloaded_ticks != 0 && module.unloaded_ticks < ticks;
            ticks.is_none_or(|ticks| module.loaded_ticks <= ticks && !is_gone(ticks))
        };
        let mut candidates = self.list.iter().filter(|module| module.contains(address));
        // A moment at which none was there is one that the recorder noticed
        // late: better the first that ever was.
        let first = candidates.clone().next();
        candidates.find(was_there).or(first)
    }

    /// The module with a number.
    pub fn numbered(&self, number: u32) -> Option<&Module> {
        self.list.iter().find(|module| module.index == number)
    }

    /// Whether an address belonged to more than one module, one after another.
    pub fn is_ambiguous(&self, address: u64) -> bool {
        self.list.iter().filter(|module| module.contains(address)).count() > 1
    }
}

#[cfg(test)]
impl Modules {
    /// These modules, read from nowhere.
    pub fn of(list: Vec<Module>) -> Self {
        Self { list, damages: Damages::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(index: u32, range: (u64, u64), time: (u64, u64)) -> Module {
        Module {
            index,
            flags: 0,
            bias: range.0,
            start: range.0,
            end: range.1,
            loaded_ticks: time.0,
            unloaded_ticks: time.1,
            build_id: Vec::new(),
            path: format!("/lib/{index}.so"),
        }
    }

    #[test]
    fn a_moment_tells_which_of_two_modules_it_was() {
        let list = vec![
            module(0, (100, 200), (1, 0)),
            module(1, (200, 300), (5, 9)),
            module(2, (250, 400), (9, 0)),
        ];
        let modules = Modules::of(list);
        let found = |address, ticks| modules.find(address, ticks).map(|module| module.index);
        assert_eq!(found(199, None), Some(0));
        assert_eq!(found(200, None), Some(1));
        assert_eq!(found(260, Some(7)), Some(1));
        assert_eq!(found(260, Some(10)), Some(2));
        // Before it was noticed.
        assert_eq!(found(260, Some(2)), Some(1));
        assert_eq!((found(99, None), found(400, None)), (None, None));
        assert!(modules.is_ambiguous(260) && !modules.is_ambiguous(210));
    }
}
