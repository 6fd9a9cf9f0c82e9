//! Where the ledger counts and the journal is written: the chunks of a log in
//! a file mapping, or the same chunks in anonymous memory.
//!
//! A store lives for ever once it is made, and so do references into it. The
//! store of before a late start, or of a forked child's parent, is left alone.

mod chunks;
mod notes;
mod places;
mod pressure;
#[cfg(feature = "leak-check")]
mod scans;
mod tables;
mod words;

use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use scrubjay_log_format::{FileHeader, Mode, header, process};

use crate::config::{AtLimit, Config};
use crate::limits::{LEDGER_RESERVE, WINDOW_SIZE};
use crate::line::Line;
use crate::os::{self, NoRoom};
use crate::published::Published;
use crate::{clock, log_name};

use tables::Tables;

#[cfg(feature = "leak-check")]
use words::ScanWords;

pub(crate) use chunks::Room;
pub(crate) use places::{Mark, Place};
pub(crate) use words::{
    BudgetWords, Cell, DeclarationWords, ExternalWords, ModuleWords, MomentWords, NodeWords,
    NoteWords, Page, PressureWords, ProcessWords, RegistryWords, RowWords, SiteCounters, SitePage,
    SitePeakWords, SiteWords, TagPeakWords, ThreadWords, TotalsWords, VitalsWords, cell_of,
    store_bytes,
};

/// What never changes about a store.
struct Fixed {
    base: AtomicPtr<u8>,
    /// Bytes of address space behind `base`.
    reserved: u64,
    /// The file; `None` for anonymous memory.
    descriptor: Option<i32>,
    /// Which file that was.
    identity: Option<(u64, u64)>,
    /// Number of the store, from 1.
    epoch: u32,
    config: Config,
    mode: Mode,
    flags: u32,
    /// When it was made: ticks, `CLOCK_MONOTONIC` and real time.
    start: [u64; 3],
}

/// One store. All zero bytes but for [`Fixed`].
pub(crate) struct Store {
    fixed: Fixed,
    /// Bytes that are mapped, and populated where there is a helper.
    mapped: AtomicU64,
    /// No window will be mapped any more.
    exhausted: AtomicBool,
    ring: places::Ring,
    note_count: AtomicU32,
    /// Scans so far.
    #[cfg(feature = "leak-check")]
    scan_count: AtomicU64,
    tables: Tables,
}

/// The store in force.
static CURRENT: Published<Store> = Published::empty();

/// The store in force; `None` before the first event.
pub(crate) fn current() -> Option<&'static Store> {
    CURRENT.get()
}

/// Puts a store in force.
pub(crate) fn set_current(store: &'static Store) {
    CURRENT.set(store);
}

/// What a new store is to be.
pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) mode: Mode,
    /// `FLAG_` bits of the log's header.
    pub(crate) flags: u32,
    pub(crate) epoch: u32,
    /// The log's file; `None` for anonymous memory.
    pub(crate) descriptor: Option<i32>,
}

impl Store {
    /// Makes a store with its header and its first window.
    ///
    /// # Errors
    /// Where memory or file refuse; the store then stays unused.
    pub(crate) fn create(plan: Plan) -> Result<&'static Self, NoRoom> {
        let journal_size =
            if plan.descriptor.is_some() { plan.config.log_limit as usize } else { 0 };
        let reserved = (journal_size + LEDGER_RESERVE).next_multiple_of(WINDOW_SIZE);
        let base = os::reserve(reserved);
        let place: *mut Self = os::map_private(size_of::<Self>()).cast();
        if base.is_null() || place.is_null() {
            return Err(NoRoom::Refused(libc::ENOMEM));
        }
        os::note_own(base, reserved);
        let fixed = Fixed {
            base: AtomicPtr::new(base),
            reserved: reserved as u64,
            descriptor: plan.descriptor,
            identity: plan.descriptor.and_then(os::identity),
            epoch: plan.epoch,
            config: plan.config,
            mode: plan.mode,
            flags: plan.flags,
            start: [clock::ticks(), os::monotonic_ns(), os::realtime_ns()],
        };
        // SAFETY: `place` is fresh memory of the store's size, so the field
        // lies within it.
        let place_of_fixed = unsafe { &raw mut (*place).fixed };
        // SAFETY: as above; mappings are page-aligned and nobody else knows it.
        unsafe { place_of_fixed.write(fixed) };
        // SAFETY: everything behind `fixed` is atomics, for which zeros are
        // valid; the mapping is never undone.
        let store: &'static Self = unsafe { &*place };
        store.map_window()?;
        store.write_header();
        Ok(store)
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.fixed.epoch
    }

    pub(crate) fn config(&self) -> &Config {
        &self.fixed.config
    }

    /// The mode that it began with.
    pub(crate) fn mode(&self) -> Mode {
        self.fixed.mode
    }

    pub(crate) fn has_journal(&self) -> bool {
        self.fixed.mode == Mode::Journal
    }

    /// Whether room is made ahead of what is written: of a journal, and of sites
    /// with stacks.
    pub(crate) fn is_made_ahead(&self) -> bool {
        // Before the first window there are no words.
        let mode = || self.process()[process::MODE].load(Ordering::Relaxed);
        self.has_journal() || self.mapped_size() > 0 && mode() & process::MODE_STACKS != 0
    }

    /// Bytes that are mapped.
    pub(crate) fn mapped_size(&self) -> u64 {
        self.mapped.load(Ordering::Relaxed)
    }

    pub(crate) fn flags(&self) -> u32 {
        self.fixed.flags
    }

    /// The log's file; `None` for anonymous memory.
    pub(crate) fn descriptor(&self) -> Option<i32> {
        self.fixed.descriptor
    }

    /// Whether the descriptor still stands for the log. A program that closes
    /// what it has not opened, as daemons do, may have given the number to a
    /// file of its own.
    pub(crate) fn is_open(&self) -> bool {
        self.fixed.descriptor.and_then(os::identity) == self.fixed.identity
    }

    pub(crate) fn chunk_size(&self) -> u32 {
        self.fixed.config.chunk_size
    }

    /// The file header's bytes, with these flags.
    pub(crate) fn header(&self, flags: u32) -> [u8; header::SIZE] {
        let host = os::host_name();
        let [start_ticks, start_monotonic_ns, start_realtime_ns] = self.fixed.start;
        FileHeader {
            chunk_size: self.chunk_size(),
            flags,
            mode: self.fixed.mode,
            wipe: self.fixed.config.wipe,
            process_id: os::process_id(),
            parent_id: os::parent_id(),
            start_ticks,
            start_monotonic_ns,
            start_realtime_ns,
            clock: clock::kind(),
            frame_capacity: self.fixed.config.frames,
            limit_bytes: self.fixed.config.log_limit,
            page_size: os::page_size() as u32,
            sample_interval: self.fixed.config.sample_interval,
            stack_depth: self.fixed.config.stack_depth,
            program: log_name::program(&mut [0; 64]),
            host: host.as_slice(),
        }
        .encode()
    }

    fn write_header(&self) {
        let bytes = self.header(self.fixed.flags);
        if let Some(words) = self.chunk(0) {
            store_bytes(words, &bytes);
        }
        let process = self.process();
        process[process::CHUNK_COUNT].store(1, Ordering::Relaxed);
        let at_limit = u64::from(self.fixed.config.at_limit == AtLimit::Ring);
        process[process::AT_LIMIT].store(at_limit, Ordering::Relaxed);
        process[process::STATE].store(process::STATE_RUNNING, Ordering::Release);
    }

    /// The process's words.
    pub(crate) fn process(&self) -> &'static ProcessWords {
        const {
            assert!(process::OFFSET.is_multiple_of(8));
        }
        let words = self.chunk(0).unwrap_or(&[]);
        match words.get(process::OFFSET / 8..).and_then(<[AtomicU64]>::first_chunk) {
            Some(words) => words,
            // The first window is mapped before anybody has the store.
            None => os::abort(),
        }
    }
}

/// Creates a log's file and the store in it. What goes wrong is `Err`, with
/// a line that says so; no file is left then.
#[expect(clippy::result_large_err, reason = "nothing may be boxed here, and the path is rare")]
pub(crate) fn create_log(
    pattern: &[u8],
    config: Config,
    flags: u32,
    epoch: u32,
    then: impl FnOnce(&CStr),
) -> Result<&'static Store, Line> {
    let refused = |why: &str, error: i32| {
        let line =
            Line::new().text("no log is written to \"").bytes(pattern).text("\": ").text(why);
        if error == 0 { line } else { line.text(" (error ").number(error as u64).text(")") }
    };
    let created = log_name::create(pattern, |descriptor, name| {
        os::lock_file(descriptor);
        let mode = config.log_mode();
        let plan = Plan { config, mode, flags, epoch, descriptor: Some(descriptor) };
        let store = Store::create(plan).inspect_err(|_| {
            os::close(descriptor);
            os::remove_file(name);
        })?;
        then(name);
        Ok(store)
    });
    match created {
        Ok(Ok(store)) => Ok(store),
        Ok(Err(NoRoom::FileSizeLimit)) => Err(refused("the limit of file sizes forbids it", 0)),
        Ok(Err(NoRoom::Refused(error))) => Err(refused("no room can be reserved", error)),
        Err(error) => Err(refused("the file cannot be created", error)),
    }
}
