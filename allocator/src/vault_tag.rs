//! What a program asks of a vault tag: that it be ready, how it is, that its
//! blocks be frozen.

use std::io;

use crate::config::Config;
use crate::process;
use crate::protection::{Frozen, VaultError, VaultStatus};
use crate::tag::{self, Tag};
use crate::vault::{self, Changed};

impl From<Changed> for Frozen {
    fn from(changed: Changed) -> Self {
        Self { block_count: changed.block_count, byte_count: changed.byte_count }
    }
}

impl Tag {
    /// Finds out, at a program's start, whether the tag's blocks can have what
    /// its [`Vault`](crate::Vault) asks for: by making one and releasing it.
    /// From then on, a touch of what stands around a vault block is named in
    /// one line on standard error before it ends the process, for which there
    /// is a handler of `SIGSEGV`; it asks whoever was asked before.
    ///
    /// # Errors
    /// What keeps the tag from having a block. Allocations are refused by null
    /// then, which `Vec::try_reserve` makes an error, and `Vec::push` an abort.
    pub fn prepare_vault(&'static self) -> Result<VaultStatus, VaultError> {
        let site = self.site().ok_or(VaultError::NotRegistered)?;
        let vault = tag::vault(site).ok_or(VaultError::NotAVault)?;
        vault::name_faults().map_err(|errno| VaultError::System { errno })?;
        vault::try_out(vault, site)?;
        Ok(vault::status(site))
    }

    /// What all of the tag's vault blocks so far had, and why one was refused.
    pub fn vault_status(&'static self) -> VaultStatus {
        self.site().map_or_else(VaultStatus::default, vault::status)
    }

    /// Makes every block that the tag has now read-only, say once a model is
    /// loaded. A write to one is named in one line on standard error before it
    /// ends the process. Whole pages are meant, so nothing else stands on them.
    ///
    /// New blocks of the tag can be written, as long as it is not frozen again.
    /// A frozen block can be released and reallocated as ever.
    ///
    /// # Errors
    /// If the tag is no vault, or the system refuses, say for its limit of maps:
    /// some of the blocks are frozen then. Blocks that [`Vault::or_heap`] let
    /// be ordinary ones are not frozen, and not counted.
    ///
    /// [`Vault::or_heap`]: crate::Vault::or_heap
    pub fn freeze(&'static self) -> io::Result<Frozen> {
        let site = self.vault_site()?;
        vault::name_faults().map_err(io::Error::from_raw_os_error)?;
        vault::freeze(site).map(Frozen::from).map_err(io::Error::from_raw_os_error)
    }

    /// Makes the tag's blocks writable again.
    ///
    /// # Errors
    /// As for [`Tag::freeze`].
    pub fn thaw(&'static self) -> io::Result<Frozen> {
        let site = self.vault_site()?;
        vault::thaw(site).map(Frozen::from).map_err(io::Error::from_raw_os_error)
    }

    fn vault_site(&'static self) -> io::Result<u32> {
        let site = self.site().ok_or(VaultError::NotRegistered);
        site.and_then(|site| tag::vault(site).map(|_| site).ok_or(VaultError::NotAVault))
            .map_err(io::Error::other)
    }

    /// The tag's index, before its first event, too; `None` where the registry
    /// is full.
    fn site(&'static self) -> Option<u32> {
        process::begin_now(&Config::new());
        match self.index() {
            0 => None,
            site => Some(site),
        }
    }
}
