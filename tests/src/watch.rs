//! An allocator around scrubjay that keeps naive books of its own: every block
//! in one map, every figure under one lock.
#![expect(unsafe_code, reason = "an allocator's methods are unsafe by their trait")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use scrubjay_log_format::event::ADDRESS_MAX;

use crate::attack::Block;
use crate::figures::Figures;

/// Hands everything on and writes it down.
pub struct Watch<A>(pub A);

/// Tags that the books know: "untagged" and those of [`crate::tags`].
pub const TAG_COUNT: usize = 8;
/// Slots of the map; the workloads stay far below.
const SLOT_COUNT: usize = 1 << 18;

/// Behind the figures: what lives, and its peak.
const LIVE: usize = Figures::COUNT;
const PEAK: usize = LIVE + 1;
const ROW_SIZE: usize = PEAK + 1;
/// The row of all tags together.
const TOTAL: usize = TAG_COUNT;

/// Address, size, tag; an address of 0 is a free slot. In static memory, so
/// that the books are no blocks of anybody.
static SLOTS: [[AtomicU64; 3]; SLOT_COUNT] =
    [const { [const { AtomicU64::new(0) }; 3] }; SLOT_COUNT];
static ROWS: [[AtomicU64; ROW_SIZE]; TAG_COUNT + 1] =
    [const { [const { AtomicU64::new(0) }; ROW_SIZE] }; TAG_COUNT + 1];
static LOCK: AtomicBool = AtomicBool::new(false);

thread_local! {
    static TAG: Cell<u32> = const { Cell::new(0) };
}

/// Sets the tag that the books give to this thread's new blocks. Answers the
/// one before.
pub(crate) fn set_tag(tag: u32) -> u32 {
    TAG.with(|place| place.replace(tag))
}

fn locked<T>(then: impl FnOnce() -> T) -> T {
    while LOCK
        .compare_exchange_weak(false, true, std::sync::atomic::Ordering::Acquire, Relaxed)
        .is_err()
    {
        std::thread::yield_now();
    }
    let answer = then();
    LOCK.store(false, std::sync::atomic::Ordering::Release);
    answer
}

fn first_slot(address: u64) -> usize {
    (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % SLOT_COUNT
}

fn find(address: u64) -> Option<usize> {
    let mut slot = first_slot(address);
    loop {
        match SLOTS[slot][0].load(Relaxed) {
            0 => return None,
            found if found == address => return Some(slot),
            _ => slot = (slot + 1) % SLOT_COUNT,
        }
    }
}

fn insert(address: u64, size: u64, tag: u32) {
    let mut slot = first_slot(address);
    while SLOTS[slot][0].load(Relaxed) != 0 {
        if SLOTS[slot][0].load(Relaxed) == address {
            give_up("a block was handed out twice\n");
        }
        slot = (slot + 1) % SLOT_COUNT;
    }
    put(slot, [address, size, tag.into()]);
}

fn put(slot: usize, words: [u64; 3]) {
    for (place, word) in SLOTS[slot].iter().zip(words) {
        place.store(word, Relaxed);
    }
}

/// Takes a block out; those behind it move up, so that no search breaks off.
fn remove(address: u64) -> Option<(u64, u32)> {
    let mut free = find(address)?;
    let words = |slot: usize| [0, 1, 2].map(|word: usize| SLOTS[slot][word].load(Relaxed));
    let [_, size, tag] = words(free);
    let mut slot = free;
    loop {
        slot = (slot + 1) % SLOT_COUNT;
        let moved = words(slot);
        if moved[0] == 0 {
            break;
        }
        let wanted = first_slot(moved[0]);
        let distance = |to: usize| (to + SLOT_COUNT - wanted) % SLOT_COUNT;
        if distance(free) < distance(slot) {
            put(free, moved);
            free = slot;
        }
    }
    put(free, [0; 3]);
    Some((size, tag as u32))
}

fn give_up(why: &str) -> ! {
    // SAFETY: the text is readable for its size.
    unsafe { libc::write(2, why.as_ptr().cast(), why.len()) };
    std::process::abort();
}

/// What is added to a tag's figures.
fn add(tag: u32, numbers: Figures) {
    for row in [tag as usize, TOTAL] {
        let row = &ROWS[row];
        for (place, number) in row.iter().zip(numbers.numbers()) {
            place.store(place.load(Relaxed).wrapping_add(number), Relaxed);
        }
        let live = row[LIVE].load(Relaxed) as i64 + numbers.live().0;
        row[LIVE].store(live as u64, Relaxed);
        row[PEAK].store(row[PEAK].load(Relaxed).max(live as u64), Relaxed);
    }
}

fn note_alloc(block: *mut u8, size: usize) {
    let tag = TAG.with(Cell::get);
    let size = size as u64;
    locked(|| {
        if block.is_null() {
            // The question before main whose the global allocator is.
            if ROWS[TOTAL][1].load(Relaxed) > 0 {
                add(
                    tag,
                    Figures {
                        failed_count: 1,
                        failed_bytes: size.min(ADDRESS_MAX),
                        ..Default::default()
                    },
                );
            }
            return;
        }
        insert(block as u64, size, tag);
        add(tag, Figures { allocated_bytes: size, allocated_blocks: 1, ..Default::default() });
    });
}

fn note_free(block: *mut u8, size: usize) -> u32 {
    locked(|| {
        let Some((known, tag)) = remove(block as u64) else {
            give_up("a block was freed that nobody has\n")
        };
        if known != size as u64 {
            give_up("a block was freed with another size\n");
        }
        add(tag, Figures { freed_bytes: known, freed_blocks: 1, ..Default::default() });
        tag
    })
}

/// A realloc is one net change, so that a peak is what is really live.
fn note_realloc(block: *mut u8, moved: *mut u8, old: u64, new: u64, tag: u32) {
    let in_place = u64::from(block == moved);
    locked(|| {
        insert(moved as u64, new, tag);
        add(
            tag,
            Figures {
                allocated_bytes: new,
                allocated_blocks: 1,
                freed_bytes: old,
                freed_blocks: 1,
                realloc_in_place: in_place,
                realloc_moved: 1 - in_place,
                kept_bytes: old.min(new),
                ..Default::default()
            },
        );
    });
}

// SAFETY: everything is handed on as it came; the books are static memory.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Watch<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        let block = unsafe { self.0.alloc(layout) };
        note_alloc(block, layout.size());
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { self.0.alloc_zeroed(layout) };
        note_alloc(block, layout.size());
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // First: once it is released, it may be another thread's.
        note_free(block, layout.size());
        // SAFETY: as above.
        unsafe { self.0.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (old, new) = (layout.size() as u64, new_size as u64);
        let known = locked(|| remove(block as u64));
        let Some((_, tag)) = known.filter(|known| known.0 == old) else {
            give_up("a block was reallocated that nobody has\n")
        };
        // SAFETY: as above.
        let moved = unsafe { self.0.realloc(block, layout, new_size) };
        if moved.is_null() {
            locked(|| {
                insert(block as u64, old, tag);
                add(
                    tag,
                    Figures {
                        failed_count: 1,
                        failed_bytes: new.min(ADDRESS_MAX),
                        ..Default::default()
                    },
                );
            });
        } else {
            note_realloc(block, moved, old, new, tag);
        }
        moved
    }
}

/// What the books say.
#[derive(Debug, Default)]
pub struct Books {
    /// Figures by tag.
    pub tags: Vec<Figures>,
    /// Peaks by tag, that of all together last.
    pub peaks: Vec<u64>,
    /// Every live block; the tag is its number.
    pub blocks: Vec<Block>,
}

/// A tag's figures and its peak, as they are now.
pub fn figures(tag: usize) -> (Figures, u64) {
    locked(|| {
        let row = |index: usize| ROWS[tag][index].load(Relaxed);
        (Figures::of(std::array::from_fn(row)), row(PEAK))
    })
}

/// The peak of all tags together.
pub fn total_peak() -> u64 {
    locked(|| ROWS[TOTAL][PEAK].load(Relaxed))
}

/// Prints the books and leaves the process, without one more event.
pub fn print_and_leave() -> ! {
    for row in &ROWS {
        let mut line = Line::new();
        for word in row {
            line.number(word.load(Relaxed));
        }
        line.print();
    }
    for slot in SLOTS.iter().filter(|slot| slot[0].load(Relaxed) != 0) {
        let mut line = Line::new();
        slot.iter().for_each(|word| line.number(word.load(Relaxed)));
        line.print();
    }
    // SAFETY: nothing of this process has to run any more.
    unsafe { libc::_exit(0) }
}

/// A line that is put together without allocating.
struct Line {
    bytes: [u8; 512],
    size: usize,
}

impl Line {
    fn new() -> Self {
        Self { bytes: [0; 512], size: 0 }
    }

    fn number(&mut self, number: u64) {
        // A line holds 20 numbers at most.
        let _ = write!(self, "{number} ");
    }

    fn print(mut self) {
        let _ = self.write_str("\n");
        // SAFETY: the text is readable for its size.
        unsafe { libc::write(1, self.bytes.as_ptr().cast(), self.size) };
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let place = self.bytes.get_mut(self.size..self.size + text.len());
        place.ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.size += text.len();
        Ok(())
    }
}

impl Books {
    /// Reads what [`print_and_leave`] printed.
    pub fn parse(output: &str) -> Self {
        let mut books = Self::default();
        for (index, line) in output.lines().enumerate() {
            let numbers: Vec<u64> =
                line.split_whitespace().map(|word| word.parse().expect("a number")).collect();
            if index <= TAG_COUNT {
                let figures = numbers.first_chunk().expect("a row of figures");
                if index < TAG_COUNT {
                    books.tags.push(Figures::of(*figures));
                }
                books.peaks.push(numbers[PEAK]);
            } else {
                let tag = numbers[2].to_string();
                books.blocks.push(Block { address: numbers[0], size: numbers[1], tag });
            }
        }
        books
    }
}
