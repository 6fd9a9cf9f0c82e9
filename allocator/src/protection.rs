//! What a vault tag asks for, what its memory has, and why it has none.

use core::fmt;

use scrubjay_log_format::tag::{
    VAULT_GUARDED, VAULT_IN_USE, VAULT_LOCKED, VAULT_NOT_DUMPED, VAULT_NOT_FORKED, VAULT_SECRET,
};

/// What is asked of a tag's guarded memory, and what may stand in for it.
///
/// Without a word more, all of it must be had, or the allocation is refused:
/// memory that no other process can read (`memfd_secret`), locked, in no core
/// file, not in forked children, between pages that nobody may touch. A
/// fallback that is named here and taken is said in one line on standard error,
/// and stands in [`VaultStatus`] and in the log.
///
/// ```
/// use scrubjay::{Tag, Vault};
///
/// static KEY: Tag = Tag::new("key").vault(Vault::new());
/// static WEIGHTS: Tag = Tag::new("model/weights")
///     .vault(Vault::new().or_plain_locked().or_unlocked());
/// ```
///
/// # What it reaches, and what not
/// - `memfd_secret` pages are in no map but this process's: another process,
///   root's included, gets an I/O error from `/proc/PID/mem` and from ptrace's
///   peeks, and a debugger's core file lacks them. Who may trace the process
///   can still have *it* read them, by running code in it; and a kernel module
///   can do anything.
/// - Locked pages are not swapped out. Where the machine hibernates, plain ones
///   are written to the disk; `memfd_secret` keeps it from hibernating.
/// - Core files leave the pages out, the kernel's and a debugger's. Registers
///   and stacks, which may hold parts of a secret in use, are in them.
/// - A forked child has no such memory: a touch is a fault, a release does
///   nothing, a `realloc` gives null. It is kept from children by `fork`; who
///   calls `clone` past the C library in the very moment in which another
///   thread allocates may inherit the block's empty pages.
/// - Devices that read memory on their own are not kept away, nor are copies
///   that the program makes elsewhere: on stacks, in registers, in blocks of
///   other tags.
///
/// # What it costs
/// A block takes pages of its own, and the system's calls for them: some 50 µs
/// to make, touch and release one. Each further page of `memfd_secret` takes 16
/// to 40 µs from its first touch to its release: 4 to 11 s for a gigabyte. The kernel itself
/// does not get at such pages but by copying: direct I/O into them fails, and so
/// does pinning them for a device. They take from the limit of locked memory
/// (`RLIMIT_MEMLOCK`, mostly 8 MiB), to which the privilege `CAP_IPC_LOCK` is
/// not subject. There are 16,000 blocks of vaults at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vault {
    fallbacks: u8,
}

impl Vault {
    const PLAIN_LOCKED: u8 = 1;
    const UNLOCKED: u8 = 1 << 1;
    const HEAP: u8 = 1 << 2;

    /// The strictest: all of it, or nothing.
    pub const fn new() -> Self {
        Self { fallbacks: 0 }
    }

    /// Where the kernel has no `memfd_secret` (before 5.14, switched off,
    /// forbidden, or without descriptors): locked pages, which root can read
    /// from outside.
    pub const fn or_plain_locked(self) -> Self {
        self.with(Self::PLAIN_LOCKED)
    }

    /// Where the limit of locked memory (`RLIMIT_MEMLOCK`) is exhausted: plain
    /// pages that may be swapped out, and that root can read. They are still
    /// guarded, and neither in core files nor in children.
    pub const fn or_unlocked(self) -> Self {
        self.with(Self::UNLOCKED)
    }

    /// Where there is no guarded memory for whatever reason, the limits of
    /// blocks and maps included: an ordinary block, which is only wiped. With
    /// it, a vault refuses nothing.
    pub const fn or_heap(self) -> Self {
        self.with(Self::HEAP)
    }

    const fn with(self, fallback: u8) -> Self {
        Self { fallbacks: self.fallbacks | fallback }
    }

    pub(crate) const fn may_be_plain(self) -> bool {
        self.fallbacks & Self::PLAIN_LOCKED != 0
    }

    pub(crate) const fn may_be_unlocked(self) -> bool {
        self.fallbacks & Self::UNLOCKED != 0
    }

    pub(crate) const fn may_be_heap(self) -> bool {
        self.fallbacks & Self::HEAP != 0
    }
}

/// What all blocks of a vault tag so far had, and why one was refused.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct VaultStatus {
    pub(crate) bits: u64,
    pub(crate) refusal: Option<VaultError>,
}

impl VaultStatus {
    const fn has(&self, bit: u64) -> bool {
        self.bits & bit != 0
    }

    /// Whether there was a block yet; nothing else holds before.
    pub const fn is_in_use(&self) -> bool {
        self.has(VAULT_IN_USE)
    }

    /// Other processes cannot read it, whoever runs them.
    pub const fn is_secret_memory(&self) -> bool {
        self.has(VAULT_SECRET)
    }

    /// It is not swapped out.
    pub const fn is_locked(&self) -> bool {
        self.has(VAULT_LOCKED)
    }

    /// Core files leave it out.
    pub const fn is_kept_from_dumps(&self) -> bool {
        self.has(VAULT_NOT_DUMPED)
    }

    /// Forked children do not have it.
    pub const fn is_kept_from_children(&self) -> bool {
        self.has(VAULT_NOT_FORKED)
    }

    /// Pages that nobody may touch stand on both sides of each block.
    pub const fn is_guarded(&self) -> bool {
        self.has(VAULT_GUARDED)
    }

    /// Why a block was refused last; `None` if none was.
    pub const fn refusal(&self) -> Option<VaultError> {
        self.refusal
    }
}

impl fmt::Debug for VaultStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VaultStatus")
            .field("is_in_use", &self.is_in_use())
            .field("is_secret_memory", &self.is_secret_memory())
            .field("is_locked", &self.is_locked())
            .field("is_kept_from_dumps", &self.is_kept_from_dumps())
            .field("is_kept_from_children", &self.is_kept_from_children())
            .field("is_guarded", &self.is_guarded())
            .field("refusal", &self.refusal)
            .finish()
    }
}

/// What a call of [`Tag::freeze`] or [`Tag::thaw`] has come upon.
///
/// [`Tag::freeze`]: crate::Tag::freeze
/// [`Tag::thaw`]: crate::Tag::thaw
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// Blocks of the tag that are now as asked.
    pub block_count: usize,
    /// Their bytes.
    pub byte_count: usize,
}

/// Why there is no guarded memory of the kind that a tag insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VaultError {
    /// The tag is no vault.
    NotAVault,
    /// The tag could not be registered: there are too many, or no ledger.
    NotRegistered,
    /// The kernel has no `memfd_secret`, or no descriptor for it.
    NoSecretMemory {
        /// The system's number of the error.
        errno: i32,
    },
    /// The limit of locked memory is exhausted.
    LockLimit {
        /// `RLIMIT_MEMLOCK` in bytes.
        limit_bytes: u64,
    },
    /// There is no room for the range of addresses in which vaults stand; in a
    /// forked child also: somebody else has it.
    NoAddresses,
    /// There are as many blocks as vaults may have, of this size.
    TooManyBlocks,
    /// The block is larger than any that a vault can have.
    TooLarge,
    /// Another thread is forking, and does not come to an end.
    Busy,
    /// The system refused to map or to protect pages, say for its limit of maps.
    System {
        /// Its number of the error.
        errno: i32,
    },
}

impl VaultError {
    const KIND_SHIFT: u32 = 56;

    /// As a number, for a place that threads share; never 0.
    pub(crate) const fn encode(self) -> u64 {
        let (kind, value) = match self {
            Self::NotAVault => (1, 0),
            Self::NotRegistered => (2, 0),
            Self::NoSecretMemory { errno } => (3, errno as u64),
            Self::LockLimit { limit_bytes } => (4, limit_bytes),
            Self::NoAddresses => (5, 0),
            Self::TooManyBlocks => (6, 0),
            Self::TooLarge => (7, 0),
            Self::Busy => (8, 0),
            Self::System { errno } => (9, errno as u64),
        };
        kind << Self::KIND_SHIFT | value & ((1 << Self::KIND_SHIFT) - 1)
    }

    /// What [`VaultError::encode`] made; `None` for 0.
    pub(crate) const fn decode(number: u64) -> Option<Self> {
        let value = number & ((1 << Self::KIND_SHIFT) - 1);
        Some(match number >> Self::KIND_SHIFT {
            1 => Self::NotAVault,
            2 => Self::NotRegistered,
            3 => Self::NoSecretMemory { errno: value as i32 },
            4 => Self::LockLimit { limit_bytes: value },
            5 => Self::NoAddresses,
            6 => Self::TooManyBlocks,
            7 => Self::TooLarge,
            8 => Self::Busy,
            9 => Self::System { errno: value as i32 },
            _ => return None,
        })
    }

    /// What is to be said of it, and the number that belongs behind it.
    pub(crate) const fn text(self) -> (&'static str, Option<u64>) {
        match self {
            Self::NotAVault => ("the tag is no vault", None),
            Self::NotRegistered => ("the tag could not be registered", None),
            Self::NoSecretMemory { errno } => {
                ("the kernel gives no memfd_secret: error ", Some(errno as u64))
            }
            Self::LockLimit { limit_bytes } => (
                "the limit of locked memory is exhausted: RLIMIT_MEMLOCK, in bytes, is ",
                Some(limit_bytes),
            ),
            Self::NoAddresses => ("there is no room for its range of addresses", None),
            Self::TooManyBlocks => ("there are as many vault blocks as there may be", None),
            Self::TooLarge => ("the block is larger than a vault can have", None),
            Self::Busy => ("another thread is forking, and does not come to an end", None),
            Self::System { errno } => {
                ("the system refused to map or protect pages: error ", Some(errno as u64))
            }
        }
    }
}

impl fmt::Display for VaultError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, number) = self.text();
        formatter.write_str(text)?;
        number.map_or(Ok(()), |number| fmt::Display::fmt(&number, formatter))
    }
}

impl core::error::Error for VaultError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_as_a_number() {
        let errors = [
            VaultError::NotAVault,
            VaultError::NotRegistered,
            VaultError::NoSecretMemory { errno: 38 },
            VaultError::LockLimit { limit_bytes: 8 << 20 },
            VaultError::NoAddresses,
            VaultError::TooManyBlocks,
            VaultError::TooLarge,
            VaultError::Busy,
            VaultError::System { errno: 12 },
        ];
        for error in errors {
            assert_eq!(VaultError::decode(error.encode()), Some(error));
        }
        assert_eq!(VaultError::decode(0), None);
    }
}
