//! The counters: one cell a tag, for all threads, in atomic additions. A peak
//! is taken of the very sum that an addition made, so it is exact.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use scrubjay_log_format::cell::{
    ALLOCATED_BLOCKS, ALLOCATED_BYTES, CARRIED_BYTES, COPIED_BYTES, FAILED_COUNT, FREED_BLOCKS,
    FREED_BYTES, REALLOC_IN_PLACE, REALLOC_MOVED, UNWIPED_BYTES, WIPED_BYTES, WORD_COUNT,
};

use crate::limits::TAGS_MAX;

/// A tag's counters. Its words are those of a log's cell.
#[repr(align(64))]
pub(super) struct Cell {
    words: [AtomicU64; WORD_COUNT],
    live: Live,
    /// Whether a block of the tag's vault was refused.
    vault_refused: AtomicBool,
}

/// Live bytes, and the most that they ever were.
struct Live {
    now: AtomicU64,
    peak: AtomicU64,
}

static CELLS: [Cell; TAGS_MAX] = [const {
    Cell {
        words: [const { AtomicU64::new(0) }; WORD_COUNT],
        live: Live::new(),
        vault_refused: AtomicBool::new(false),
    }
}; TAGS_MAX];
/// Of the process.
static LIVE: Live = Live::new();
/// Damaged blocks.
static CORRUPTION_COUNT: AtomicU64 = AtomicU64::new(0);

impl Live {
    const fn new() -> Self {
        Self { now: AtomicU64::new(0), peak: AtomicU64::new(0) }
    }

    /// So many bytes more, less those that go: in one step, so that no moment
    /// has both.
    fn change(&self, more: u64, less: u64) {
        let change = more.wrapping_sub(less);
        let now = self.now.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
        if now > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(now, Ordering::Relaxed);
        }
    }
}

/// What became of a released block's bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Released {
    pub(super) wiped: usize,
    pub(super) unwiped: usize,
    pub(super) carried: usize,
}

impl Cell {
    /// The counters that were written after what is read of it is over: freed
    /// before allocated, so that no live figure is negative.
    fn add(&self, word: usize, amount: u64) {
        self.words[word].fetch_add(amount, Ordering::Release);
    }

    fn count_released(&self, released: Released) {
        let Released { wiped, unwiped, carried } = released;
        for (word, size) in
            [(WIPED_BYTES, wiped), (UNWIPED_BYTES, unwiped), (CARRIED_BYTES, carried)]
        {
            if size > 0 {
                self.add(word, size as u64);
            }
        }
    }
}

/// The cell of a tag.
fn cell(tag: u32) -> &'static Cell {
    &CELLS[tag as usize % TAGS_MAX]
}

/// Counts a new block.
pub(super) fn allocated(tag: u32, size: usize) {
    let cell = cell(tag);
    cell.add(ALLOCATED_BYTES, size as u64);
    cell.add(ALLOCATED_BLOCKS, 1);
    cell.live.change(size as u64, 0);
    LIVE.change(size as u64, 0);
}

/// Counts a release.
pub(super) fn freed(tag: u32, size: usize, released: Released) {
    let cell = cell(tag);
    cell.add(FREED_BYTES, size as u64);
    cell.add(FREED_BLOCKS, 1);
    cell.live.change(0, size as u64);
    LIVE.change(0, size as u64);
    cell.count_released(released);
}

/// Counts a successful realloc: the old size is freed, the new one allocated.
pub(super) fn reallocated(
    tag: u32,
    (size, new_size): (usize, usize),
    has_moved: bool,
    released: Released,
) {
    let cell = cell(tag);
    cell.add(ALLOCATED_BYTES, new_size as u64);
    cell.add(ALLOCATED_BLOCKS, 1);
    cell.add(FREED_BYTES, size as u64);
    cell.add(FREED_BLOCKS, 1);
    cell.live.change(new_size as u64, size as u64);
    LIVE.change(new_size as u64, size as u64);
    if has_moved {
        cell.add(REALLOC_MOVED, 1);
        cell.add(COPIED_BYTES, size.min(new_size) as u64);
    } else {
        cell.add(REALLOC_IN_PLACE, 1);
    }
    cell.count_released(released);
}

/// Counts what the inner allocator, or a vault, refused.
pub(super) fn failed(tag: u32) {
    cell(tag).add(FAILED_COUNT, 1);
}

/// Notes that a vault's block was refused, for which `failed` is called, too.
pub(super) fn note_vault_refused(tag: u32) {
    cell(tag).vault_refused.store(true, Ordering::Relaxed);
}

/// Whether a block of the tag's vault was refused.
pub(super) fn was_vault_refused(tag: u32) -> bool {
    cell(tag).vault_refused.load(Ordering::Relaxed)
}

/// Counts a damaged block.
pub(super) fn corrupted() {
    CORRUPTION_COUNT.fetch_add(1, Ordering::Relaxed);
}

/// How many there were.
pub(super) fn corruption_count() -> u64 {
    CORRUPTION_COUNT.load(Ordering::Relaxed)
}

/// A tag's words, and its peak. Frees are read before allocations.
pub(super) fn read(tag: u32) -> ([u64; WORD_COUNT], u64) {
    let cell = cell(tag);
    let mut words = [0; WORD_COUNT];
    for pass in [false, true] {
        for (index, word) in words.iter_mut().enumerate() {
            if matches!(index, ALLOCATED_BYTES | ALLOCATED_BLOCKS) == pass {
                *word = cell.words[index].load(Ordering::Acquire);
            }
        }
    }
    (words, cell.live.peak.load(Ordering::Relaxed))
}

/// The process's peak.
pub(super) fn peak() -> u64 {
    LIVE.peak.load(Ordering::Relaxed)
}
