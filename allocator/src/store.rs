//! Where the ledger counts and the journal is written: the chunks of a log in
//! a file mapping, or the same chunks in anonymous memory.
//!
//! A store lives for ever once it is made, and so do references into it. The
//! store of before a late start, or of a forked child's parent, is left alone.

use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use scrubjay_log_format::chunk::{self, records_per_chunk};
use scrubjay_log_format::{
    ChunkHeader, ChunkKind, FileHeader, Mode, cell, frame, header, process, registry, tag, thread,
};

use crate::config::Config;
use crate::control::control;
use crate::limits::{
    CELL_PAGES_MAX, FRAMES_MAX, GROUPS_MAX, LEDGER_RESERVE, LOCK_TRIES_MAX, POPULATED_AHEAD,
    TAGS_MAX, TAGS_PER_GROUP, THREAD_SLOTS_MAX, WINDOW_SIZE,
};
use crate::line::Line;
use crate::os::{self, NoRoom};
use crate::published::Published;
use crate::{clock, log_name};

/// The words of one thread slot.
pub(crate) type ThreadWords = [AtomicU64; thread::WORD_COUNT];
/// The words of one cell.
pub(crate) type Cell = [AtomicU64; cell::WORD_COUNT];
/// A page of cells, header first.
pub(crate) type Page = [AtomicU64; cell::PAGE_SIZE / 8];
/// A tag's declaration.
pub(crate) type DeclarationWords = [AtomicU64; tag::DECLARATION_SIZE / 8];
/// A tag's totals.
pub(crate) type TotalsWords = [AtomicU64; tag::TOTALS_WORD_COUNT];
/// A frame's moment.
pub(crate) type MomentWords = [AtomicU64; frame::MOMENT_SIZE / 8];
/// A frame's row.
pub(crate) type RowWords = [AtomicU64; frame::ROW_SIZE / 8];
/// A record of the registry.
pub(crate) type RegistryWords = [AtomicU64; registry::WORD_COUNT];
/// The process's words.
pub(crate) type ProcessWords = [AtomicU64; process::WORD_COUNT];

/// The cell of a tag within its group's page.
#[inline(always)]
pub(crate) fn cell_of(page: &Page, tag: u32) -> &Cell {
    let (cells, _) = page[cell::PAGE_HEADER_SIZE / 8..].as_chunks();
    &cells[tag as usize % TAGS_PER_GROUP]
}

/// How many chunks a table needs in a log of the smallest chunks.
const fn directory_size(records: usize, record_size: usize) -> usize {
    records.div_ceil(records_per_chunk(scrubjay_log_format::CHUNK_SIZE_MIN, record_size))
}

/// In place of a chunk's index: somebody is about to take it. No chunk of a
/// mapped file gets this far, so a look-up answers `None`.
const CLAIMED: u32 = u32::MAX;

/// Records of one kind, in chunks that are taken when they are needed: the
/// index of each chunk, 0 where there is none yet.
struct Table<const DIRECTORY: usize>([AtomicU32; DIRECTORY]);

const FRAME_SLOTS_MAX: usize = frame::slot_count(FRAMES_MAX) as usize;

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
    /// Pages of cells handed out.
    page_count: AtomicU32,
    tags: Table<{ directory_size(TAGS_MAX, tag::DECLARATION_SIZE) }>,
    totals: Table<{ directory_size(TAGS_MAX, tag::TOTALS_SIZE) }>,
    threads: Table<{ directory_size(THREAD_SLOTS_MAX, thread::SIZE) }>,
    cells: Table<{ directory_size(CELL_PAGES_MAX, cell::PAGE_SIZE) }>,
    base_cells: Table<{ directory_size(CELL_PAGES_MAX, cell::PAGE_SIZE) }>,
    frames: Table<{ directory_size(FRAME_SLOTS_MAX, frame::MOMENT_SIZE) }>,
    rows: Table<{ directory_size(FRAME_SLOTS_MAX * GROUPS_MAX, frame::ROW_SIZE) }>,
    registry: Table<{ directory_size(registry::RECORD_COUNT_MAX as usize, registry::SIZE) }>,
    /// Levels of the registry that were ever used.
    registry_levels: AtomicU32,
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

/// What became of asking for a chunk of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// The chunk's index.
    Chunk(u32),
    /// The helper has not made it yet.
    NotYet,
    /// There will be none any more.
    Ended,
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

    pub(crate) fn has_journal(&self) -> bool {
        self.fixed.mode == Mode::Journal
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

    /// A chunk's words; `None` where it is not mapped.
    #[inline]
    pub(crate) fn chunk(&self, index: u32) -> Option<&'static [AtomicU64]> {
        let size = u64::from(self.chunk_size());
        let start = u64::from(index) * size;
        if start + size > self.mapped.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: the offset lies within the reserved range.
        let place = unsafe { self.fixed.base.load(Ordering::Relaxed).add(start as usize) };
        // SAFETY: below `mapped` the range is readable and writable for ever,
        // page-aligned, and only ever used through atomics.
        Some(unsafe { core::slice::from_raw_parts(place.cast(), size as usize / 8) })
    }

    /// Maps the next window. The caller holds the lock on windows, or is alone.
    fn map_window(&self) -> Result<(), NoRoom> {
        let start = self.mapped.load(Ordering::Relaxed);
        let size = WINDOW_SIZE as u64;
        if self.exhausted.load(Ordering::Relaxed) || start + size > self.fixed.reserved {
            return Err(NoRoom::Refused(libc::ENOSPC));
        }
        if let Some(descriptor) = self.fixed.descriptor {
            let reserved = match self.is_open() {
                true => os::reserve_file(descriptor, start, size),
                false => Err(NoRoom::Refused(libc::EBADF)),
            };
            reserved.inspect_err(|_| self.exhausted.store(true, Ordering::Relaxed))?;
        }
        // SAFETY: `start` lies within the reserved range.
        let place = unsafe { self.fixed.base.load(Ordering::Relaxed).add(start as usize) };
        // SAFETY: the range was reserved by us, and nothing refers to what
        // lies at or above `mapped`.
        if !unsafe { os::map_over(place, WINDOW_SIZE, self.fixed.descriptor, start) } {
            self.exhausted.store(true, Ordering::Relaxed);
            return Err(NoRoom::Refused(libc::ENOMEM));
        }
        if control().helper.load(Ordering::Relaxed) == 1 {
            // SAFETY: the range was just mapped; nobody writes it as bytes.
            os::populate(unsafe { core::slice::from_raw_parts(place, WINDOW_SIZE) });
        }
        self.mapped.store(start + size, Ordering::Release);
        Ok(())
    }

    /// Maps windows until `end` bytes are there. Waits at most for the lock's
    /// limit.
    fn map_until(&self, end: u64) -> bool {
        while self.mapped.load(Ordering::Acquire) < end {
            let Some(_guard) = control().windows.try_for_a_while() else { return false };
            if self.mapped.load(Ordering::Acquire) < end && self.map_window().is_err() {
                return false;
            }
        }
        true
    }

    /// Takes a chunk for the ledger: beyond the journal's limit, too.
    fn take_ledger_chunk(&self, kind: ChunkKind, first_record: u32) -> Option<u32> {
        let count = &self.process()[process::CHUNK_COUNT];
        let size = u64::from(self.chunk_size());
        let index = count.fetch_add(1, Ordering::Relaxed);
        if !self.map_until((index + 1) * size) {
            return None;
        }
        let index = u32::try_from(index).ok()?;
        self.begin_chunk(&ChunkHeader {
            kind: kind as u16,
            index,
            owner: first_record,
            sequence: 0,
            thread: 0,
            base_ticks: clock::ticks(),
            first_event: 0,
            payload_checksum: None,
        });
        Some(index)
    }

    /// Takes a chunk for the journal.
    pub(crate) fn take_journal_chunk(&self) -> Room {
        let count = &self.process()[process::CHUNK_COUNT];
        let size = u64::from(self.chunk_size());
        let helped = control().helper.load(Ordering::Relaxed) == 1;
        let mut index = count.load(Ordering::Relaxed);
        loop {
            let end = (index + 1) * size;
            if end > self.fixed.config.log_limit {
                return Room::Ended;
            }
            if end > self.mapped.load(Ordering::Acquire) {
                if self.exhausted.load(Ordering::Relaxed) {
                    return Room::Ended;
                }
                if helped || !self.map_until(end) {
                    return Room::NotYet;
                }
            }
            match count.compare_exchange_weak(
                index,
                index + 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => index = now,
            }
        }
        if helped && self.ahead() < POPULATED_AHEAD as u64 / 2 {
            os::wake_all(&control().demand);
        }
        match u32::try_from(index) {
            Ok(index) => Room::Chunk(index),
            Err(_) => Room::Ended,
        }
    }

    /// Bytes that are mapped and not handed out.
    fn ahead(&self) -> u64 {
        let used = self.process()[process::CHUNK_COUNT].load(Ordering::Relaxed)
            * u64::from(self.chunk_size());
        self.mapped.load(Ordering::Relaxed).saturating_sub(used)
    }

    /// Maps one more window ahead of the journal, if it wants one. For the
    /// helper thread.
    pub(crate) fn map_ahead(&self) -> bool {
        let mapped = self.mapped.load(Ordering::Relaxed);
        if self.ahead() >= POPULATED_AHEAD as u64 || mapped >= self.fixed.config.log_limit {
            return false;
        }
        let Some(_guard) = control().windows.try_for_a_while() else { return true };
        self.map_window().is_ok()
    }

    /// Whether the file system, not the limit, ended the log.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// Writes a chunk's header, so that a kill leaves either all or nothing of
    /// it.
    pub(crate) fn begin_chunk(&self, header: &ChunkHeader) {
        if let Some(words) = self.chunk(header.index) {
            store_bytes(words, &header.encode());
        }
    }

    /// Seals a chunk whose records do not change any more.
    pub(crate) fn seal_chunk(&self, index: u32) {
        let Some(words) = self.chunk(index) else { return };
        let Some(first) = words.first() else { return };
        let place: *const u8 = first.as_ptr().cast();
        // SAFETY: the chunk is mapped for its size, and the only thread that
        // wrote records in it is the caller, who is done.
        let bytes = unsafe { core::slice::from_raw_parts(place, self.chunk_size() as usize) };
        let checksum = u64::from(chunk::payload_checksum(bytes));
        const {
            assert!(chunk::PAYLOAD_CHECKSUM_AT.is_multiple_of(8));
            assert!(chunk::SEALED_AT == chunk::CHECKSUM_AT + 4);
        }
        words[chunk::PAYLOAD_CHECKSUM_AT / 8].store(checksum, Ordering::Relaxed);
        words[chunk::CHECKSUM_AT / 8].fetch_or(u64::from(chunk::SEALED) << 32, Ordering::Release);
    }

    /// The words of a record in a table, if its chunk is there.
    fn record<const WORDS: usize, const DIRECTORY: usize>(
        &self,
        table: &Table<DIRECTORY>,
        index: u32,
    ) -> Option<&'static [AtomicU64; WORDS]> {
        let per_chunk = records_per_chunk(self.chunk_size(), WORDS * 8);
        let place = table.0.get(index as usize / per_chunk)?.load(Ordering::Acquire);
        let words = self.chunk(place).filter(|_| place != 0)?;
        words[chunk::HEADER_SIZE / 8 + index as usize % per_chunk * WORDS..].first_chunk()
    }

    /// The words of a record in a table, whose chunk is taken if need be.
    fn record_or_take<const WORDS: usize, const DIRECTORY: usize>(
        &self,
        table: &Table<DIRECTORY>,
        kind: ChunkKind,
        index: u32,
    ) -> Option<&'static [AtomicU64; WORDS]> {
        if let Some(record) = self.record(table, index) {
            return Some(record);
        }
        let per_chunk = records_per_chunk(self.chunk_size(), WORDS * 8);
        let number = index as usize / per_chunk;
        let place = table.0.get(number)?;
        if place.compare_exchange(0, CLAIMED, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            let taken = self.take_ledger_chunk(kind, (number * per_chunk) as u32);
            place.store(taken.unwrap_or(0), Ordering::Release);
        } else {
            for tries in 0..LOCK_TRIES_MAX {
                if place.load(Ordering::Acquire) != CLAIMED {
                    break;
                }
                os::back_off(tries);
            }
        }
        self.record(table, index)
    }

    /// A tag's declaration.
    pub(crate) fn declaration(&self, tag: u32) -> Option<&'static DeclarationWords> {
        self.record_or_take(&self.tags, ChunkKind::Tags, tag)
    }

    /// A tag's totals.
    pub(crate) fn totals(&self, tag: u32) -> Option<&'static TotalsWords> {
        self.record_or_take(&self.totals, ChunkKind::TagTotals, tag)
    }

    /// A thread slot's words.
    pub(crate) fn thread(&self, slot: u32) -> Option<&'static ThreadWords> {
        self.record_or_take(&self.threads, ChunkKind::Threads, slot)
    }

    /// A fresh page of cells and its number; nobody's until its first word is
    /// stored.
    pub(crate) fn take_page(&self) -> Option<(u32, &'static Page)> {
        let index = self.page_count.fetch_add(1, Ordering::Relaxed);
        let page = self.record_or_take(&self.cells, ChunkKind::Cells, index)?;
        Some((index, page))
    }

    /// A page of cells by its number.
    pub(crate) fn page(&self, index: u32) -> Option<&'static Page> {
        self.record(&self.cells, index)
    }

    /// The base of a page of cells: what its cells held when the log began.
    pub(crate) fn base_page(&self, index: u32) -> Option<&'static Page> {
        self.record_or_take(&self.base_cells, ChunkKind::BaseCells, index)
    }

    /// A frame's moment.
    pub(crate) fn moment(&self, slot: u32) -> Option<&'static MomentWords> {
        self.record_or_take(&self.frames, ChunkKind::Frames, slot)
    }

    /// A frame's row for one group of tags.
    pub(crate) fn row(&self, slot: u32, group: u32) -> Option<&'static RowWords> {
        let index = group * frame::slot_count(self.fixed.config.frames) + slot;
        self.record_or_take(&self.rows, ChunkKind::FrameRows, index)
    }

    /// A record of the registry, if its chunk is there.
    pub(crate) fn registered(&self, index: u32) -> Option<&'static RegistryWords> {
        self.record(&self.registry, index)
    }

    /// A record of the registry.
    pub(crate) fn registered_or_take(&self, index: u32) -> Option<&'static RegistryWords> {
        self.record_or_take(&self.registry, ChunkKind::Registry, index)
    }

    /// Levels of the registry that were ever used.
    pub(crate) fn registry_levels(&self) -> &AtomicU32 {
        &self.registry_levels
    }
}

/// Stores bytes as words, the first word last, so that what they say is there
/// whole or not at all.
pub(crate) fn store_bytes(words: &[AtomicU64], bytes: &[u8]) {
    let (chunks, _) = bytes.as_chunks();
    for (word, &bytes) in words.iter().zip(chunks).skip(1) {
        word.store(u64::from_le_bytes(bytes), Ordering::Relaxed);
    }
    if let (Some(word), Some(&bytes)) = (words.first(), chunks.first()) {
        word.store(u64::from_le_bytes(bytes), Ordering::Release);
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
