//! What a program asks of a vault tag. There is no guarded memory here, so each
//! answer is that of a system that has none.

use std::io;

use scrubjay_log_format::tag::VAULT_IN_USE;

use super::ledger;
use crate::protection::{Frozen, Vault, VaultError, VaultStatus};
use crate::tag::{self, Tag};

/// What every system calls a function that it does not have.
const NO_SUCH_FUNCTION: i32 = libc::ENOSYS;

impl Tag {
    /// Finds out whether the tag's blocks can have what its
    /// [`Vault`](crate::Vault) asks for. On this target they cannot; with
    /// [`Vault::or_heap`](crate::Vault::or_heap) they are ordinary ones.
    ///
    /// # Errors
    /// What keeps the tag from having a block. Allocations are refused by null
    /// then, which `Vec::try_reserve` makes an error, and `Vec::push` an abort.
    pub fn prepare_vault(&'static self) -> Result<VaultStatus, VaultError> {
        let vault = self.asked_vault()?;
        if vault.may_be_heap() { Ok(self.vault_status()) } else { Err(refusal(vault)) }
    }

    /// What all of the tag's vault blocks so far had, and why one was refused.
    pub fn vault_status(&'static self) -> VaultStatus {
        let (Ok(vault), index) = (self.asked_vault(), self.index()) else {
            return VaultStatus::default();
        };
        let (words, _) = ledger::read(index);
        let in_use = words[scrubjay_log_format::cell::ALLOCATED_BLOCKS] > 0;
        VaultStatus {
            bits: if in_use { VAULT_IN_USE } else { 0 },
            refusal: ledger::was_vault_refused(index).then(|| refusal(vault)),
        }
    }

    /// Would make the tag's blocks read-only.
    ///
    /// # Errors
    /// If the tag is no vault. On this target no block is frozen: those that
    /// there are, [`Vault::or_heap`](crate::Vault::or_heap) let be ordinary ones.
    pub fn freeze(&'static self) -> io::Result<Frozen> {
        self.asked_vault().map_err(io::Error::other)?;
        Ok(Frozen { block_count: 0, byte_count: 0 })
    }

    /// Would make the tag's blocks writable again.
    ///
    /// # Errors
    /// As for [`Tag::freeze`].
    pub fn thaw(&'static self) -> io::Result<Frozen> {
        self.freeze()
    }

    fn asked_vault(&'static self) -> Result<Vault, VaultError> {
        match self.index() {
            0 => Err(VaultError::NotRegistered),
            index => tag::vault(index).ok_or(VaultError::NotAVault),
        }
    }
}

/// Why a vault has no block: the first of what it asks for that is not there.
fn refusal(vault: Vault) -> VaultError {
    match vault.may_be_plain() {
        true => VaultError::System { errno: NO_SUCH_FUNCTION },
        false => VaultError::NoSecretMemory { errno: NO_SUCH_FUNCTION },
    }
}
