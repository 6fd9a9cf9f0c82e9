//! Gives memory that nobody uses back to the system.

use core::fmt;
use core::time::Duration;

use crate::inner::{Inner, System};
use crate::{heap, mapped, os, quarantine, vitals};

/// What [`trim`] gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trimmed {
    /// By how much the process's resident bytes fell, as the kernel counts them:
    /// what other threads took or gave meanwhile is in it, and its counting lags by
    /// some hundred KiB.
    pub returned_bytes: u64,
    /// Of it pages that scrubjay had kept for blocks that will grow.
    pub kept_bytes: u64,
    /// Bytes of released blocks that were held back to be verified. Their pages go
    /// as far as nothing else is on them.
    pub held_bytes: u64,
    /// Whether the C library's heap gave pages back.
    pub has_heap_given: bool,
    /// Resident bytes before.
    pub resident_before_bytes: u64,
    /// Resident bytes after.
    pub resident_after_bytes: u64,
    /// How long it took.
    pub took: Duration,
}

/// Gives memory that nobody uses back to the system, and says how much: pages that
/// scrubjay keeps for blocks that will grow, blocks that are held back to be
/// verified, and what the C library's heap has free (glibc; others do it by
/// themselves, or not at all). What another allocator keeps behind scrubjay stays.
///
/// Whoever allocates meanwhile waits for the C library: some µs a free MiB. The next
/// blocks will be faulted in anew, so call it when a peak is over, or when memory
/// gets short, and not in a loop; and not in a signal's handler.
///
/// ```
/// # use scrubjay::Scrubjay;
/// # #[global_allocator]
/// # static ALLOCATOR: Scrubjay = Scrubjay::new();
/// drop(vec![1_u8; 64 << 20]);
/// println!("{}", scrubjay::trim());
/// ```
pub fn trim() -> Trimmed {
    let start = os::monotonic_ns();
    let before = vitals::resident_now().unwrap_or(0);
    let mut held_bytes = 0;
    quarantine::drain(System.identity(), |held| {
        held_bytes += held.layout.size() as u64;
        // SAFETY: the block came from such an allocator with that layout, and is
        // nobody's any more.
        unsafe { System.dealloc(held.block, held.layout) };
    });
    let kept_bytes = mapped::give_back() as u64;
    let has_heap_given = heap::give_back();
    let after = vitals::resident_now().unwrap_or(before);
    Trimmed {
        returned_bytes: before.saturating_sub(after),
        kept_bytes,
        held_bytes,
        has_heap_given,
        resident_before_bytes: before,
        resident_after_bytes: after,
        took: Duration::from_nanos(os::monotonic_ns() - start),
    }
}

impl fmt::Display for Trimmed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { returned_bytes, resident_before_bytes, resident_after_bytes, .. } = self;
        write!(
            out,
            "{returned_bytes} bytes returned: {resident_before_bytes} were resident, \
             {resident_after_bytes} are"
        )
    }
}
