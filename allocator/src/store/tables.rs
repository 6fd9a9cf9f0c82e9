//! Tables: records of one kind, in chunks that are taken when they are needed.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use scrubjay_log_format::chunk::{self, records_per_chunk};
use scrubjay_log_format::{
    ChunkKind, cell, external, frame, module, note, peak, pressure, registry, site, stack, tag,
    thread, vitals,
};

#[cfg(feature = "leak-check")]
use crate::limits::SCAN_RECORDS_MAX;
use crate::limits::{
    BUDGETS_MAX, CELL_PAGES_MAX, FRAMES_MAX, GROUPS_MAX, LOCK_TRIES_MAX, MODULES_MAX, NOTES_MAX,
    PRESSURE_EVENTS_MAX, SITE_PAGES_MAX, SITES_MAX, STACK_NODES_MAX, TAGS_MAX, THREAD_SLOTS_MAX,
};
use crate::os;
#[cfg(feature = "leak-check")]
use scrubjay_log_format::scan;

use super::{
    BudgetWords, DeclarationWords, ExternalWords, ModuleWords, MomentWords, NodeWords, NoteWords,
    Page, PressureWords, RegistryWords, RowWords, SiteCounters, SitePage, SitePeakWords, SiteWords,
    Store, TagPeakWords, ThreadWords, TotalsWords, VitalsWords,
};

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

/// Every table of a store. Starts as all zeros.
pub(super) struct Tables {
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
    stacks: Table<{ directory_size(STACK_NODES_MAX, stack::SIZE) }>,
    sites: Table<{ directory_size(SITES_MAX, site::DECLARATION_SIZE) }>,
    site_counters: Table<{ directory_size(SITES_MAX, site::COUNTERS_SIZE) }>,
    site_peaks: Table<{ directory_size(SITES_MAX, peak::SITE_SIZE) }>,
    tag_peaks: Table<{ directory_size(TAGS_MAX, peak::TAG_SIZE) }>,
    /// Pages of threads' caches of sites handed out.
    site_page_count: AtomicU32,
    site_pages: Table<{ directory_size(SITE_PAGES_MAX, site::CACHE_PAGE_SIZE) }>,
    modules: Table<{ directory_size(MODULES_MAX, module::SIZE) }>,
    notes: Table<{ directory_size(NOTES_MAX, note::SIZE) }>,
    external: Table<{ directory_size(TAGS_MAX, external::SIZE) }>,
    budgets: Table<{ directory_size(BUDGETS_MAX, pressure::BUDGET_SIZE) }>,
    pressure: Table<{ directory_size(PRESSURE_EVENTS_MAX, pressure::EVENT_SIZE) }>,
    vitals: Table<{ directory_size(vitals::COUNT_MAX as usize, vitals::SIZE) }>,
    #[cfg(feature = "leak-check")]
    scans: Table<{ directory_size(SCAN_RECORDS_MAX, scan::SIZE) }>,
}

impl Store {
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
        self.record_or_take(&self.tables.tags, ChunkKind::Tags, tag)
    }

    /// A tag's totals.
    pub(crate) fn totals(&self, tag: u32) -> Option<&'static TotalsWords> {
        self.record_or_take(&self.tables.totals, ChunkKind::TagTotals, tag)
    }

    /// A thread slot's words.
    pub(crate) fn thread(&self, slot: u32) -> Option<&'static ThreadWords> {
        self.record_or_take(&self.tables.threads, ChunkKind::Threads, slot)
    }

    /// A fresh page of cells and its number; nobody's until its first word is
    /// stored.
    pub(crate) fn take_page(&self) -> Option<(u32, &'static Page)> {
        let index = self.tables.page_count.fetch_add(1, Ordering::Relaxed);
        let page = self.record_or_take(&self.tables.cells, ChunkKind::Cells, index)?;
        Some((index, page))
    }

    /// A page of cells by its number.
    pub(crate) fn page(&self, index: u32) -> Option<&'static Page> {
        self.record(&self.tables.cells, index)
    }

    /// The base of a page of cells: what its cells held when the log began.
    pub(crate) fn base_page(&self, index: u32) -> Option<&'static Page> {
        self.record_or_take(&self.tables.base_cells, ChunkKind::BaseCells, index)
    }

    /// A frame's moment.
    pub(crate) fn moment(&self, slot: u32) -> Option<&'static MomentWords> {
        self.record_or_take(&self.tables.frames, ChunkKind::Frames, slot)
    }

    /// A frame's row for one group of tags.
    pub(crate) fn row(&self, slot: u32, group: u32) -> Option<&'static RowWords> {
        let index = group * frame::slot_count(self.fixed.config.frames) + slot;
        self.record_or_take(&self.tables.rows, ChunkKind::FrameRows, index)
    }

    /// A record of the registry, if its chunk is there.
    pub(crate) fn registered(&self, index: u32) -> Option<&'static RegistryWords> {
        self.record(&self.tables.registry, index)
    }

    /// A record of the registry.
    pub(crate) fn registered_or_take(&self, index: u32) -> Option<&'static RegistryWords> {
        self.record_or_take(&self.tables.registry, ChunkKind::Registry, index)
    }

    /// A node of the tree of stacks, if its chunk is there.
    pub(crate) fn node(&self, index: u32) -> Option<&'static NodeWords> {
        self.record(&self.tables.stacks, index)
    }

    /// A node of the tree of stacks.
    pub(crate) fn node_or_take(&self, index: u32) -> Option<&'static NodeWords> {
        self.record_or_take(&self.tables.stacks, ChunkKind::Stacks, index)
    }

    /// The declaration of a site, if its chunk is there.
    pub(crate) fn site(&self, site: u32) -> Option<&'static SiteWords> {
        self.record(&self.tables.sites, site.checked_sub(site::FIRST)?)
    }

    /// The declaration of a site.
    pub(crate) fn site_or_take(&self, site: u32) -> Option<&'static SiteWords> {
        let index = site.checked_sub(site::FIRST)?;
        self.record_or_take(&self.tables.sites, ChunkKind::Sites, index)
    }

    /// A site's counters, if their chunk is there.
    #[inline]
    pub(crate) fn site_counters(&self, site: u32) -> Option<&'static SiteCounters> {
        self.record(&self.tables.site_counters, site.checked_sub(site::FIRST)?)
    }

    /// A site's counters.
    pub(crate) fn site_counters_or_take(&self, site: u32) -> Option<&'static SiteCounters> {
        let index = site.checked_sub(site::FIRST)?;
        self.record_or_take(&self.tables.site_counters, ChunkKind::SiteCounters, index)
    }

    /// What was live of a site at peaks.
    pub(crate) fn site_peak(&self, site: u32) -> Option<&'static SitePeakWords> {
        let index = site.checked_sub(site::FIRST)?;
        self.record_or_take(&self.tables.site_peaks, ChunkKind::SitePeaks, index)
    }

    /// When a tag's sites were noted at its peak.
    pub(crate) fn tag_peak(&self, tag: u32) -> Option<&'static TagPeakWords> {
        self.record_or_take(&self.tables.tag_peaks, ChunkKind::TagPeaks, tag)
    }

    /// A fresh page of a thread's cache of sites; nobody's until its first
    /// word is stored.
    pub(crate) fn take_site_page(&self) -> Option<&'static SitePage> {
        let index = self.tables.site_page_count.fetch_add(1, Ordering::Relaxed);
        self.record_or_take(&self.tables.site_pages, ChunkKind::SiteCaches, index)
    }

    /// A loaded module, if its chunk is there.
    pub(crate) fn module(&self, index: u32) -> Option<&'static ModuleWords> {
        self.record(&self.tables.modules, index)
    }

    /// A loaded module.
    pub(crate) fn module_or_take(&self, index: u32) -> Option<&'static ModuleWords> {
        self.record_or_take(&self.tables.modules, ChunkKind::Modules, index)
    }

    /// Levels of the registry that were ever used.
    pub(crate) fn registry_levels(&self) -> &AtomicU32 {
        &self.tables.registry_levels
    }

    /// A record of a scan, if its chunk is there.
    #[cfg(feature = "leak-check")]
    pub(super) fn scan_record(&self, index: u32) -> Option<&'static super::ScanWords> {
        self.record(&self.tables.scans, index)
    }

    /// A record of a scan.
    #[cfg(feature = "leak-check")]
    pub(super) fn scan_record_or_take(&self, index: u32) -> Option<&'static super::ScanWords> {
        self.record_or_take(&self.tables.scans, ChunkKind::Scans, index)
    }

    /// A tag's memory that no allocator sees, if its chunk is there.
    pub(crate) fn external(&self, tag: u32) -> Option<&'static ExternalWords> {
        self.record(&self.tables.external, tag)
    }

    /// The same, taken if need be.
    pub(crate) fn external_or_take(&self, tag: u32) -> Option<&'static ExternalWords> {
        self.record_or_take(&self.tables.external, ChunkKind::External, tag)
    }

    /// A budget.
    pub(super) fn budget_or_take(&self, index: u32) -> Option<&'static BudgetWords> {
        self.record_or_take(&self.tables.budgets, ChunkKind::Budgets, index)
    }

    /// What happened to budgets, by its place in the ring.
    pub(super) fn pressure_event_or_take(&self, index: u32) -> Option<&'static PressureWords> {
        self.record_or_take(&self.tables.pressure, ChunkKind::PressureEvents, index)
    }

    /// A sample of what the kernel says.
    pub(crate) fn vitals_or_take(&self, place: u32) -> Option<&'static VitalsWords> {
        self.record_or_take(&self.tables.vitals, ChunkKind::Vitals, place)
    }

    /// A note, if its chunk is there.
    pub(super) fn note(&self, index: u32) -> Option<&'static NoteWords> {
        self.record(&self.tables.notes, index)
    }

    /// A note.
    pub(super) fn note_or_take(&self, index: u32) -> Option<&'static NoteWords> {
        self.record_or_take(&self.tables.notes, ChunkKind::Notes, index)
    }
}
