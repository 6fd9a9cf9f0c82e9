//! What a store's memory holds, as words.

use core::sync::atomic::{AtomicU64, Ordering};

use scrubjay_log_format::{
    cell, external, frame, module, note, peak, pressure, process, registry, site, stack, tag,
    thread, vitals,
};

use crate::limits::TAGS_PER_GROUP;

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
/// A node of the tree of stacks.
pub(crate) type NodeWords = [AtomicU64; stack::SIZE / 8];
/// A site's declaration.
pub(crate) type SiteWords = [AtomicU64; site::DECLARATION_SIZE / 8];
/// A site's counters.
pub(crate) type SiteCounters = [AtomicU64; site::COUNTER_COUNT];
/// A page of a thread's cache of sites, header first.
pub(crate) type SitePage = [AtomicU64; site::CACHE_PAGE_SIZE / 8];
/// What was live of a site at peaks.
pub(crate) type SitePeakWords = [AtomicU64; peak::SITE_WORD_COUNT];
/// When a tag's sites were noted at its peak.
pub(crate) type TagPeakWords = [AtomicU64; peak::TAG_WORD_COUNT];
/// A loaded module.
pub(crate) type ModuleWords = [AtomicU64; module::SIZE / 8];
/// A note.
pub(crate) type NoteWords = [AtomicU64; note::SIZE / 8];
/// What the kernel said of the process.
pub(crate) type VitalsWords = [AtomicU64; vitals::WORD_COUNT];
/// A record of a scan.
#[cfg(feature = "leak-check")]
pub(crate) type ScanWords = [AtomicU64; scrubjay_log_format::scan::SIZE / 8];
/// A budget.
pub(crate) type BudgetWords = [AtomicU64; pressure::BUDGET_WORD_COUNT];
/// What happened to one.
pub(crate) type PressureWords = [AtomicU64; pressure::EVENT_WORD_COUNT];
/// A tag's memory that no allocator sees.
pub(crate) type ExternalWords = [AtomicU64; external::WORD_COUNT];
/// The process's words.
pub(crate) type ProcessWords = [AtomicU64; process::WORD_COUNT];

/// The cell of a tag within its group's page.
#[inline(always)]
pub(crate) fn cell_of(page: &Page, tag: u32) -> &Cell {
    let (cells, _) = page[cell::PAGE_HEADER_SIZE / 8..].as_chunks();
    &cells[tag as usize % TAGS_PER_GROUP]
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
