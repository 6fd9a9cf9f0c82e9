//! Scans: what holds each live block, asked in production, for people and for the
//! log.

mod gather;
mod report;
mod timer;

use core::fmt;
use core::time::Duration;
use std::time::Instant;

use crate::control::control;
use crate::leak_check::look::Look;
use crate::leak_check::{self, LeakCheckError, NotReady};
use crate::limits::SCAN_PAUSE_MAX_NS;
use crate::{clock, own, reach, store};

use gather::Gathered;

pub use report::{HeldCycle, HeldSite, HeldTag, ScanReport};
pub use timer::{ScanTimer, scan_every, scan_every_within};

/// Why there is no scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScanError {
    /// scrubjay is not the program's global allocator.
    NotTheAllocator,
    /// There is no registry of live blocks: see [`crate::Config::live_blocks`].
    NoRegistry,
    /// There is no memory for it, or no signal that the program does not use.
    NoRoom,
    /// There are more blocks or mappings than can be searched.
    TooMany,
    /// The kernel does not tell of the process's mappings.
    NoMappings,
    /// It would have had the threads stand still for longer than they may.
    TooLong,
    /// No thread can be started that scans at intervals.
    NoThread,
}

impl fmt::Display for ScanError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotTheAllocator => return LeakCheckError::NotTheAllocator.fmt(formatter),
            Self::NoRegistry => return LeakCheckError::NoRegistry.fmt(formatter),
            Self::NoRoom => {
                "no memory for a scan, or no signal is free by which threads are stopped"
            }
            Self::TooMany => "more blocks or mappings than can be searched",
            Self::NoMappings => "the kernel does not tell of the process's memory",
            Self::TooLong => {
                "the scan would stop the threads for longer than it may: see scan_within"
            }
            Self::NoThread => "no thread can be started for scans",
        })
    }
}

impl std::error::Error for ScanError {}

impl From<NotReady> for ScanError {
    fn from(why: NotReady) -> Self {
        match why {
            NotReady::NotTheAllocator => Self::NotTheAllocator,
            NotReady::NoRegistry => Self::NoRegistry,
        }
    }
}

impl From<reach::ScanError> for ScanError {
    fn from(error: reach::ScanError) -> Self {
        match error {
            reach::ScanError::NoRoom => Self::NoRoom,
            reach::ScanError::TooMany => Self::TooMany,
            reach::ScanError::NoMappings => Self::NoMappings,
            reach::ScanError::TooLong => Self::TooLong,
        }
    }
}

/// Finds out what holds each live block: a static, a thread-local, a stack, memory
/// of others, or nothing any more, which is a leak. The answer also goes into the
/// log, of which `scrubjay leaks` shows it with functions and lines, and into a
/// later dump.
///
/// All other threads stand still while the program's memory is searched for
/// pointers: about a millisecond where 10,000 blocks live, some hundred where it is
/// a million. Where it would be more than a second it gives up, and nothing is
/// said; [`scan_within`] takes another limit. Threads that do not answer, since they
/// block all signals or do not come out of the kernel, are waited for up to two
/// seconds, and then go on: the report says so.
///
/// The search is conservative: any word that looks like a pointer into a block
/// holds it. So what is called lost is lost, but for pointers that are hidden, as
/// in compressed or encrypted form, or in memory that is shared with others; and a
/// block may be kept that only an old word on some stack seems to hold.
///
/// It needs the registry of all live blocks, from the start of the process:
///
/// ```
/// use scrubjay::{Config, Scrubjay};
///
/// #[global_allocator]
/// static ALLOCATOR: Scrubjay = Scrubjay::with(Config::new().live_blocks(true).stacks(true));
///
/// # #[inline(never)]
/// fn forget(bytes: usize) {
///     std::mem::forget(std::hint::black_box(vec![1_u8; bytes]));
/// }
///
/// forget(12_345);
/// # scrubjay::scrub_stack(1 << 16);
/// let report = scrubjay::scan()?;
/// println!("{report}");
/// assert_eq!(report.lost().map(|site| site.bytes).max(), Some(12_345));
/// # Ok::<(), scrubjay::ScanError>(())
/// ```
///
/// # Errors
/// Where there is no registry, or the search cannot be made.
pub fn scan() -> Result<ScanReport, ScanError> {
    scan_within(Duration::from_nanos(SCAN_PAUSE_MAX_NS))
}

/// As [`scan`], which gives up once the threads have stood still for so long. That
/// is looked at every some hundred blocks. More than 20 seconds count as 20.
///
/// # Errors
/// As for [`scan`].
pub fn scan_within(pause: Duration) -> Result<ScanReport, ScanError> {
    leak_check::ready()?;
    let pause_max_ns = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
    // What it takes itself is scrubjay's, and in no figure.
    own::account(|| {
        let begin = Instant::now();
        // So that numbers are in the order of time.
        let _guard = control().scans.wait();
        let ticks = clock::ticks();
        let look = Look::take(pause_max_ns)?;
        let gathered = Gathered::of(&look, ticks);
        let number = store::current().and_then(|store| gathered.log(store));
        Ok(gathered.report(&look, number, begin.elapsed()))
    })
}
