//! Vitals: what the kernel says of the process, beside what the ledger says.

use core::fmt;
use core::time::Duration;

use scrubjay_log_format::vitals as format;

use crate::store;

mod parts;
mod ring;
mod sample;
#[cfg(test)]
mod tests;

pub(crate) use ring::{look, write_last, write_now};
pub(crate) use sample::{Detail, resident_now};

/// What the kernel says of the process at one moment, in bytes where nothing else
/// is said; 0 where it does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vitals {
    /// Live on the heap, as the ledger says.
    pub live_bytes: u64,
    /// Told of by the program: memory that no allocator sees, and part of which may
    /// be resident. See [`crate::External`].
    pub external_bytes: u64,
    /// Resident: what tools call RSS, the sum of the next three.
    pub resident_bytes: u64,
    /// Of it anonymous memory: heaps, stacks, the program's variables.
    pub anonymous_bytes: u64,
    /// Of it pages of mapped files.
    pub file_bytes: u64,
    /// Of it memory that others may have, too; a log on a file system in memory.
    pub shared_bytes: u64,
    /// The most that was ever resident at one time.
    pub greatest_resident_bytes: u64,
    /// Swapped out.
    pub swapped_bytes: u64,
    /// Page tables. They are not resident in this sense, and count in a control
    /// group.
    pub page_table_bytes: u64,
    /// Threads, the allocator's own included.
    pub thread_count: u64,
    /// Page faults so far that needed no reading.
    pub minor_fault_count: u64,
    /// Page faults so far that did.
    pub major_fault_count: u64,
    /// The control group that limits memory; `None` where none can be seen.
    pub cgroup: Option<CgroupVitals>,
    /// The machine's memory.
    pub machine_bytes: u64,
    /// What of it can be had without swapping.
    pub machine_available_bytes: u64,
    /// Mapped of the log, or of the ledger where there is no log.
    pub log_mapped_bytes: u64,
    /// Pages that scrubjay keeps for blocks that will grow; [`crate::trim`] gives
    /// them back.
    pub kept_bytes: u64,
    /// What the resident bytes are made of, if that was asked for.
    pub parts: Option<VitalParts>,
    /// What it took to ask.
    pub took: Duration,
}

/// The control group that limits the process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CgroupVitals {
    /// 1 or 2.
    pub version: u32,
    /// What all processes of the group use, page cache included.
    pub usage_bytes: u64,
    /// The least limit of the group and all above it.
    pub limit_bytes: Option<u64>,
}

/// What resident bytes are made of. The first nine are all of them together, as
/// near as they can be read one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VitalParts {
    /// The C library's heap, without its mappings for single blocks.
    pub heap_bytes: u64,
    /// Mappings of scrubjay's for large blocks, and vaults.
    pub large_bytes: u64,
    /// Stacks of threads that ever allocated.
    pub stack_bytes: u64,
    /// The program and its libraries.
    pub program_bytes: u64,
    /// Other mapped files: weights.
    pub mapped_file_bytes: u64,
    /// Memory that others may have, too, but for the log.
    pub other_shared_bytes: u64,
    /// The log.
    pub log_bytes: u64,
    /// Scrubjay's tables.
    pub own_bytes: u64,
    /// Other anonymous memory: of C libraries, and single blocks of the C library's.
    pub other_bytes: u64,
    /// This process's share of what is resident (PSS).
    pub proportional_bytes: u64,
    /// Live blocks.
    pub live_blocks: u64,
    /// Pages of live large blocks, touched or not.
    pub large_live_bytes: u64,
    /// What the C library says of its heap; glibc from 2.33 on does.
    pub malloc: Option<MallocVitals>,
}

/// What the C library says of its heap, whoever allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MallocVitals {
    /// Handed out, its overhead included, and what threads keep for themselves.
    pub used_bytes: u64,
    /// Handed out in mappings for single blocks, touched or not.
    pub mapped_bytes: u64,
    /// Free and kept, touched or not: fragmentation.
    pub free_bytes: u64,
}

/// What the kernel says of the process now. Some ten files of `/proc` are read:
/// about 150 µs. A log that was asked for has it, too. Allocates nothing.
///
/// ```
/// # use scrubjay::Scrubjay;
/// # #[global_allocator]
/// # static ALLOCATOR: Scrubjay = Scrubjay::new();
/// let vitals = scrubjay::vitals();
/// assert!(vitals.resident_bytes > 0);
/// if let Some(limit) = vitals.cgroup.and_then(|group| group.limit_bytes) {
///     println!("{vitals}, of {limit} that are granted");
/// }
/// ```
pub fn vitals() -> Vitals {
    ask(Detail::Plain)
}

/// As [`vitals`], with what the resident bytes are made of. Costs some µs a mapping
/// and 1 ms a GiB of small pages more, gives up after 50 ms, and has each arena of
/// the C library's heap stand still while its free blocks are counted. Do not call
/// it in a signal's handler.
///
/// ```
/// # use scrubjay::Scrubjay;
/// # #[global_allocator]
/// # static ALLOCATOR: Scrubjay = Scrubjay::new();
/// if let Some(parts) = scrubjay::vitals_with_parts().parts {
///     println!("{} bytes of weights are mapped", parts.mapped_file_bytes);
/// }
/// ```
pub fn vitals_with_parts() -> Vitals {
    ask(Detail::Heap)
}

fn ask(detail: Detail) -> Vitals {
    let store = store::current();
    Vitals::new(&match store.filter(|store| store.descriptor().is_some()) {
        Some(logged) => write_now(logged, detail),
        None => sample::take(store, detail),
    })
}

impl Vitals {
    fn new(sample: &format::Vitals) -> Self {
        let word = |index: usize| sample.0[index];
        let group = CgroupVitals {
            version: word(format::CGROUP_VERSION) as u32,
            usage_bytes: word(format::CGROUP_USAGE),
            limit_bytes: Some(word(format::CGROUP_LIMIT))
                .filter(|&limit| limit != format::NO_LIMIT),
        };
        Self {
            live_bytes: (word(format::LIVE_BYTES) as i64).max(0) as u64,
            external_bytes: word(format::EXTERNAL_BYTES),
            resident_bytes: sample.resident_bytes(),
            anonymous_bytes: word(format::ANONYMOUS_BYTES),
            file_bytes: word(format::FILE_BYTES),
            shared_bytes: word(format::SHARED_BYTES),
            greatest_resident_bytes: word(format::GREATEST_BYTES),
            swapped_bytes: word(format::SWAPPED_BYTES),
            page_table_bytes: word(format::PAGE_TABLE_BYTES),
            thread_count: word(format::THREAD_COUNT),
            minor_fault_count: word(format::MINOR_FAULT_COUNT),
            major_fault_count: word(format::MAJOR_FAULT_COUNT),
            cgroup: Some(group).filter(|group| group.version > 0),
            machine_bytes: word(format::MACHINE_BYTES),
            machine_available_bytes: word(format::MACHINE_AVAILABLE_BYTES),
            log_mapped_bytes: word(format::LOG_MAPPED_BYTES),
            kept_bytes: word(format::KEPT_BYTES),
            parts: sample.knows(format::KNOWS_PARTS).then(|| VitalParts::new(sample)),
            took: Duration::from_nanos(word(format::TOOK_NS)),
        }
    }
}

impl VitalParts {
    fn new(sample: &format::Vitals) -> Self {
        let word = |index: usize| sample.0[index];
        let malloc = MallocVitals {
            used_bytes: word(format::MALLOC_USED_BYTES),
            mapped_bytes: word(format::MALLOC_MAPPED_BYTES),
            free_bytes: word(format::MALLOC_FREE_BYTES),
        };
        Self {
            heap_bytes: word(format::HEAP_BYTES),
            large_bytes: word(format::LARGE_BYTES),
            stack_bytes: word(format::STACK_BYTES),
            program_bytes: word(format::PROGRAM_BYTES),
            mapped_file_bytes: word(format::MAPPED_FILE_BYTES),
            other_shared_bytes: word(format::OTHER_SHARED_BYTES),
            log_bytes: word(format::LOG_BYTES),
            own_bytes: word(format::OWN_BYTES),
            other_bytes: word(format::OTHER_BYTES),
            proportional_bytes: word(format::PROPORTIONAL_BYTES),
            live_blocks: word(format::LIVE_BLOCKS),
            large_live_bytes: word(format::LARGE_LIVE_BYTES),
            malloc: sample.knows(format::KNOWS_MALLOC).then_some(malloc),
        }
    }
}

impl fmt::Display for Vitals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { live_bytes, resident_bytes, .. } = self;
        write!(out, "{live_bytes} bytes live, {resident_bytes} resident")?;
        if self.external_bytes > 0 {
            write!(out, ", {} external", self.external_bytes)?;
        }
        if self.swapped_bytes > 0 {
            write!(out, ", {} swapped out", self.swapped_bytes)?;
        }
        if let Some(CgroupVitals { usage_bytes, limit_bytes: Some(limit), .. }) = self.cgroup {
            write!(out, "; {usage_bytes} of the control group's {limit} in use")?;
        }
        let Some(parts) = &self.parts else { return Ok(()) };
        let rows = [
            ("the C library's heap", parts.heap_bytes),
            ("large blocks", parts.large_bytes),
            ("stacks", parts.stack_bytes),
            ("program and libraries", parts.program_bytes),
            ("mapped files", parts.mapped_file_bytes),
            ("shared memory", parts.other_shared_bytes),
            ("the log", parts.log_bytes),
            ("scrubjay's tables", parts.own_bytes),
            ("other anonymous memory", parts.other_bytes),
        ];
        for (name, bytes) in rows.into_iter().filter(|&(_, bytes)| bytes > 0) {
            write!(out, "\n  {name:<22} {bytes:>14}")?;
        }
        Ok(())
    }
}
