//! The pages of one block: what can be had of what its tag asks for.

use scrubjay_log_format::tag::{
    VAULT_GUARDED, VAULT_LOCKED, VAULT_NOT_DUMPED, VAULT_NOT_FORKED, VAULT_SECRET,
};

use crate::os::{self, Access, NoSecret};
use crate::protection::{Vault, VaultError};

/// What every page of the range has, whatever else it is.
const ALWAYS: u64 = VAULT_NOT_DUMPED | VAULT_NOT_FORKED | VAULT_GUARDED;

/// The system's number of the error that a move of pages has: its limit of maps.
const NO_MEMORY: i32 = libc::ENOMEM;
/// The one that secret memory has where the limit of locks is exhausted.
const AGAIN: i32 = libc::EAGAIN;

/// What pages were made of, and what they lack that was asked for.
pub(super) struct Made {
    /// `VAULT_` bits.
    pub(super) bits: u64,
    /// Why a fallback was taken, if one was.
    pub(super) lack: Option<VaultError>,
}

/// Makes pages that can be written, of zeros.
///
/// # Safety
/// The range is that of a slot of the caller's, and nothing is mapped there.
pub(super) unsafe fn make(address: *mut u8, size: usize, vault: Vault) -> Result<Made, VaultError> {
    // SAFETY: the caller's promise is passed on.
    match unsafe { make_secret(address, size) } {
        Ok(()) => Ok(Made { bits: ALWAYS | VAULT_SECRET | VAULT_LOCKED, lack: None }),
        Err(lack) => {
            let may_fall_back = match lack {
                VaultError::NoSecretMemory { .. } => vault.may_be_plain(),
                VaultError::LockLimit { .. } => vault.may_be_unlocked(),
                _ => false,
            };
            if !may_fall_back {
                return Err(lack);
            }
            // SAFETY: as above.
            unsafe { make_plain(address, size, vault, lack) }
        }
    }
}

/// # Safety
/// As for [`make`].
unsafe fn make_secret(address: *mut u8, size: usize) -> Result<(), VaultError> {
    let pages = os::map_secret(size).map_err(|error| match error {
        NoSecret::Missing(errno) => VaultError::NoSecretMemory { errno },
        NoSecret::LockLimit => lock_error(AGAIN),
        NoSecret::Refused(errno) => VaultError::System { errno },
    })?;
    // Only then may they be touched: a child that is made in between, past the
    // hooks, would share them.
    let kept = keep(pages, size);
    // SAFETY: the pages are new, and the caller owns the range.
    if kept.is_err() || !unsafe { os::move_pages(pages, size, address, size) } {
        os::unmap(pages, size);
        return Err(VaultError::System { errno: kept.err().unwrap_or(NO_MEMORY) });
    }
    // SAFETY: the pages are new.
    unsafe { os::protect(address, size, Access::Write) }.map_err(|errno| {
        // SAFETY: nobody has seen the pages.
        unsafe { give_back(address, size) };
        VaultError::System { errno }
    })
}

/// # Safety
/// As for [`make`].
unsafe fn make_plain(
    address: *mut u8,
    size: usize,
    vault: Vault,
    lack: VaultError,
) -> Result<Made, VaultError> {
    // The reserved pages are kept from dumps and children already.
    // SAFETY: the caller's promise.
    unsafe { os::protect(address, size, Access::Write) }
        .map_err(|errno| VaultError::System { errno })?;
    let Err(errno) = os::lock_pages(address, size) else {
        return Ok(Made { bits: ALWAYS | VAULT_LOCKED, lack: Some(lack) });
    };
    if vault.may_be_unlocked() {
        return Ok(Made { bits: ALWAYS, lack: Some(lock_error(errno)) });
    }
    // SAFETY: nobody has seen the pages.
    unsafe { give_back(address, size) };
    Err(lock_error(errno))
}

/// Why nothing more is locked; where there is no limit it is not for that.
fn lock_error(errno: i32) -> VaultError {
    match os::lock_limit() {
        Some(limit_bytes) => VaultError::LockLimit { limit_bytes },
        None => VaultError::System { errno },
    }
}

fn keep(address: *mut u8, size: usize) -> Result<(), i32> {
    os::keep_from_dumps(address, size)?;
    os::keep_from_children(address, size)
}

/// Gives pages back to the kernel, which blanks them, and makes guards of
/// them. False where it refuses: they are as they were then.
///
/// # Safety
/// The pages came from [`make`], and nothing refers to them.
pub(super) unsafe fn give_back(address: *mut u8, size: usize) -> bool {
    // SAFETY: the caller's promise is passed on.
    let returned = unsafe { os::return_pages(address, size) };
    // Where the marks fail the slot is not used again: a child would have it.
    returned && keep(address, size).is_ok()
}
