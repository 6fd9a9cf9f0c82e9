//! Stacks as people read them: the functions and lines of an answer's sites.

use std::collections::BTreeSet;

use super::question::Asked;
use super::symbols::{SymbolArguments, report};
use crate::analysis::alike;
use crate::analysis::damage::Damages;
use crate::analysis::held::HeldSite;
use crate::analysis::modules::Modules;
use crate::analysis::stacks::Stacks;
use crate::analysis::symbols::{Frame, Symbols, fold};
use crate::error::Error;
use crate::session::Session;

/// The stacks of some sites, and what their frames are.
pub struct Reading {
    stacks: Stacks,
    symbols: Symbols,
}

impl Reading {
    /// Reads the stacks of these sites, and says what is not known of them.
    ///
    /// # Errors
    /// Where the log cannot be read, or a folder of symbols is not there.
    pub fn new<'h>(
        asked: &Asked,
        sites: impl IntoIterator<Item = &'h HeldSite>,
        arguments: &SymbolArguments,
        session: &mut Session<'_>,
        damages: &mut Damages,
    ) -> Result<Self, Error> {
        let options = arguments.options()?;
        let stacks = Stacks::read(&asked.file)?;
        let modules = Modules::read(&asked.file)?;
        let addresses: BTreeSet<u64> =
            sites.into_iter().flat_map(|site| stacks.frames(site.stack)).collect();
        let symbols = Symbols::resolve(&asked.file, &modules, addresses, &options)?;
        damages.merge(symbols.damages.clone());
        report(&symbols, session);
        Ok(Self { stacks, symbols })
    }

    /// What was found of symbols.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// Sites with stacks that read alike as one.
    pub fn together(&self, sites: &[&HeldSite]) -> Vec<HeldSite> {
        alike::together(sites, &self.stacks, &self.symbols)
    }

    /// All frames of a site's stack, the innermost first.
    pub fn frames(&self, site: &HeldSite) -> Vec<&Frame> {
        let addresses = self.stacks.frames(site.stack);
        addresses.flat_map(|address| self.symbols.frames_of(address)).collect()
    }

    /// Those that say something about the program.
    pub fn folded(&self, site: &HeldSite) -> Vec<&Frame> {
        fold::folded(self.frames(site))
    }
}
