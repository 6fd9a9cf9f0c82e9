//! What a thread knows in order to record: its slot, its pages of cells, and
//! the thread-local part of it that every event reads.
//!
//! A slot outlives its thread: the next thread takes it over with cells and
//! open journal chunk as they are, so that nothing has to be moved, and a kill
//! can interrupt no move. Slot 0 is the orphan slot, shared by whoever has
//! none.

use core::cell::Cell as Local;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use scrubjay_log_format::cell::PageOwner;
use scrubjay_log_format::site::CACHE_PAGES;
use scrubjay_log_format::{process, thread};

use crate::capture::{Bounds, Memo};
use crate::control::{self, JOURNAL, LIVE, NEVER, PAUSED, READY, STACKS, VERIFY, control};
use crate::limits::{GROUPS_MAX, SITES_REMEMBERED, TAGS_PER_GROUP, THREAD_SLOTS_MAX};
use crate::live::{Free, Owned};
use crate::published::Published;
use crate::store::{Cell, Page, SitePage, Store, ThreadWords, cell_of};
use crate::{clock, os, thread_blocks};

/// The slot that is shared by whoever has none.
pub(crate) const ORPHANS: u32 = 0;

/// Who copies a slot's cells into the store of a late start.
pub(crate) const COPY_OPEN: u32 = 0;
/// See [`COPY_OPEN`]: somebody is at it.
pub(crate) const COPY_CLAIMED: u32 = 1;

/// A slot, as this process sees it. Starts as all zeros.
pub(crate) struct Slot {
    index: AtomicU32,
    /// The store in which the slot records, and its words there.
    store: Published<Store>,
    words: Published<ThreadWords>,
    pages: [Published<Page>; GROUPS_MAX],
    /// Its cache in front of the sites' counters.
    site_pages: [Published<SitePage>; CACHE_PAGES as usize],
    /// Their last stack, once there was one.
    memo: Published<Memo>,
    /// Sites that its threads met last.
    remembered: [Remembered; SITES_REMEMBERED],
    /// Records for new blocks.
    free: Free,
    /// Numbers, plus 1, of the pages in the store of a late start to which
    /// the pages are copied.
    pub(crate) copies: [AtomicU32; GROUPS_MAX],
    /// One of the `COPY_` values, for a late start.
    pub(crate) copy: AtomicU32,
    /// The open journal chunk that the slot's last thread left: its index, and
    /// the next free word in it, stored last; 0 for none.
    pub(crate) left_chunk: AtomicU32,
    pub(crate) left_next: AtomicU32,
    pub(crate) left_base: AtomicU64,
    next_free: AtomicU32,
}

/// A site, by the hash under which it is known.
struct Remembered {
    key: AtomicU64,
    site: AtomicU32,
}

/// The slots of this process.
struct Slots {
    /// Slots that were ever used, the orphan slot included.
    count: AtomicU32,
    /// Threads that were ever seen.
    thread_count: AtomicU64,
    live_count: AtomicU64,
    /// Head of the list of free slots, plus 1.
    free: AtomicU32,
    slots: [Slot; THREAD_SLOTS_MAX],
}

static SLOTS: Published<Slots> = Published::empty();

/// What every event reads: in the thread's own memory, without a destructor.
pub(crate) struct Here {
    /// The mode word under which the rest was looked up; 0 never matches.
    mode: Local<u32>,
    /// The same, where an event takes no more than its counters; else
    /// [`NEVER`].
    mode_of_counting: Local<u32>,
    /// The tag that new blocks get.
    pub(crate) tag: Local<u32>,
    /// That tag's cell; `None` where more is to be done with a
    /// block than to count it.
    pub(crate) cell: Local<Option<&'static Cell>>,
    /// The thread's slot; `None` before its first event.
    pub(crate) slot: Local<Option<&'static Slot>>,
    /// The slot's words in the store in force.
    pub(crate) words: Local<Option<&'static ThreadWords>>,
    /// The open journal chunk.
    pub(crate) chunk: Local<&'static [AtomicU64]>,
    pub(crate) chunk_index: Local<u32>,
    /// The next free word in it.
    pub(crate) next: Local<usize>,
    /// The moment from which its events count, in ticks.
    pub(crate) base: Local<u64>,
    /// Events that are recorded and not yet over.
    pub(crate) in_flight: Local<u32>,
    /// Bytes that may be allocated before a block is sampled; the one that
    /// takes it below 0 is. In other modes it never gets there.
    pub(crate) until_sample: Local<i64>,
    /// State of the generator that draws them; 0 before the first.
    pub(crate) random: Local<u64>,
    /// Where the thread's stack ends.
    pub(crate) bounds: Local<Bounds>,
    /// How many of its frames are kept.
    pub(crate) stack_depth: Local<u32>,
    /// Who owns what it allocates; 0 for nobody.
    owner: Local<u32>,
    /// Whether its tag stands under a budget.
    is_budgeted: Local<bool>,
    /// How many times over it may use the headroom of budgets.
    pub(crate) headroom: Local<u32>,
    /// The block that leaves its owner, until it is known what becomes of its bytes;
    /// of owner 0 while there is none.
    leaving: Local<Leaving>,
}

/// A block that leaves its owner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaving {
    pub(crate) owned: Owned,
    pub(crate) size: usize,
    /// The size that it goes on with, if that is all that changes.
    pub(crate) new_size: Option<usize>,
}

impl Leaving {
    const NONE: Self =
        Self { owned: Owned { owner: 0, site: 0, born: 0 }, size: 0, new_size: None };
}

thread_local! {
    static HERE: Here = const {
        Here {
            mode: Local::new(0),
            mode_of_counting: Local::new(NEVER),
            tag: Local::new(0),
            cell: Local::new(None),
            slot: Local::new(None),
            words: Local::new(None),
            chunk: Local::new(&[]),
            chunk_index: Local::new(0),
            next: Local::new(0),
            base: Local::new(0),
            in_flight: Local::new(0),
            until_sample: Local::new(i64::MAX),
            random: Local::new(0),
            bounds: Local::new(Bounds::UNKNOWN),
            stack_depth: Local::new(0),
            owner: Local::new(0),
            is_budgeted: Local::new(false),
            headroom: Local::new(0),
            leaving: Local::new(Leaving::NONE),
        }
    };
}

impl Here {
    /// The mode word under which the thread's part was looked up.
    #[inline(always)]
    pub(crate) fn mode(&self) -> u32 {
        self.mode.get()
    }

    /// Whether it was under the mode word in force, and events take no more
    /// than their counters.
    #[inline(always)]
    pub(crate) fn counts(&self) -> bool {
        self.mode_of_counting.get() == control::mode()
    }

    /// Notes the mode word under which the rest was looked up; 0: look it up.
    pub(crate) fn set_mode(&self, mode: u32) {
        let is_plain = mode & (READY | JOURNAL | VERIFY | STACKS | PAUSED | LIVE) == READY;
        self.mode.set(mode);
        let is_plain = is_plain && self.owner() == 0 && !self.is_budgeted();
        self.mode_of_counting.set(if is_plain { mode } else { NEVER });
    }

    /// Whether its tag stands under a budget.
    #[inline(always)]
    pub(crate) fn is_budgeted(&self) -> bool {
        self.is_budgeted.get()
    }

    /// Notes whether its tag stands under a budget: what it allocates is charged.
    #[inline(always)]
    pub(crate) fn set_budgeted(&self, is_budgeted: bool) {
        if is_budgeted != self.is_budgeted() {
            self.is_budgeted.set(is_budgeted);
            self.set_mode(self.mode());
        }
    }

    /// Who owns what the thread allocates; 0 for nobody.
    #[inline(always)]
    pub(crate) fn owner(&self) -> u32 {
        self.owner.get()
    }

    /// Has another own what the thread allocates; answers who did.
    pub(crate) fn set_owner(&self, owner: u32) -> u32 {
        let before = self.owner.replace(owner);
        self.set_mode(self.mode());
        before
    }

    /// Notes that a block leaves its owner.
    pub(crate) fn leave(&self, leaving: Leaving) {
        self.leaving.set(leaving);
    }

    /// The block that leaves its owner, once.
    #[inline(always)]
    pub(crate) fn take_leaving(&self) -> Option<Leaving> {
        let leaving = self.leaving.get();
        if leaving.owned.owner == 0 {
            return None;
        }
        self.leaving.set(Leaving::NONE);
        Some(leaving)
    }
}

/// Runs `then` with the thread's part. `None` where the platform has torn it
/// down already; with a destructor-free one no platform here does.
#[inline(always)]
pub(crate) fn here<T>(then: impl FnOnce(&Here) -> T) -> Option<T> {
    here_now().map(then)
}

/// The thread's part; `None` as for [`here`].
#[inline(always)]
pub(crate) fn here_now() -> Option<&'static Here> {
    let place = HERE.try_with(core::ptr::from_ref).ok()?;
    // SAFETY: without a destructor the place lives as long as its thread, and
    // the reference cannot leave that, since `Here` is not `Sync`.
    Some(unsafe { &*place })
}

/// Makes the slots, all free, the orphan slot in use. For the first event, and
/// for a forked child. False where there is no memory.
pub(crate) fn make_slots(store: &'static Store) -> bool {
    let place: *mut Slots = os::map_private(size_of::<Slots>()).cast();
    // SAFETY: the mapping is fresh and never undone, and zeros are valid for
    // atomics.
    let Some(slots) = (unsafe { place.as_ref() }) else { return false };
    slots.count.store(1, Ordering::Relaxed);
    SLOTS.set(slots);
    let Some(words) = store.thread(ORPHANS) else { return false };
    words[thread::STATE].store(thread::STATE_LIVE, Ordering::Relaxed);
    orphans().is_some_and(|orphans| {
        orphans.enter(store, words);
        orphans.page_or_take(store, 0).is_some()
    })
}

/// The orphan slot.
pub(crate) fn orphans() -> Option<&'static Slot> {
    SLOTS.get()?.slots.first()
}

/// Every slot that was ever used, the orphan slot first.
pub(crate) fn used() -> impl Iterator<Item = &'static Slot> {
    let slots = SLOTS.get();
    let count = slots.map_or(0, |slots| slots.count.load(Ordering::Acquire) as usize);
    slots.into_iter().flat_map(|slots| &slots.slots).take(count)
}

/// Whether a thread of that number has not ended.
#[cfg(feature = "leak-check")]
pub(crate) fn is_live(number: u32) -> bool {
    used().any(|slot| {
        let is_live = |words: &ThreadWords| {
            words[thread::STATE].load(Ordering::Acquire) == thread::STATE_LIVE
        };
        slot.thread_number() == number && slot.words.get().is_some_and(is_live)
    })
}

/// A slot by its number, if it was ever used.
pub(crate) fn slot(index: u32) -> Option<&'static Slot> {
    let slots = SLOTS.get().filter(|slots| index < slots.count.load(Ordering::Acquire))?;
    slots.slots.get(index as usize)
}

/// How many threads live now.
pub(crate) fn live_count() -> u64 {
    SLOTS.get().map_or(0, |slots| slots.live_count.load(Ordering::Relaxed))
}

/// Takes a slot for the calling thread: a free one, else a new one. `None`
/// where all are in use; the thread then counts among the orphans.
pub(crate) fn take_slot(store: &'static Store) -> Option<&'static Slot> {
    let slots = SLOTS.get()?;
    let slot = free_slot(slots).or_else(|| new_slot(slots));
    let Some(slot) = slot else {
        store.process()[process::THREAD_OVERFLOW_COUNT].fetch_add(1, Ordering::Relaxed);
        return None;
    };
    let number = slots.thread_count.fetch_add(1, Ordering::Relaxed) + 1;
    let live = slots.live_count.fetch_add(1, Ordering::Relaxed) + 1;
    let process = store.process();
    process[process::THREAD_COUNT].fetch_add(1, Ordering::Relaxed);
    process[process::THREAD_LIVE_MAX].fetch_max(live, Ordering::Relaxed);
    let place = slot.store.get().unwrap_or(store);
    let words = slot.words.get().or_else(|| place.thread(slot.index()));
    let Some(words) = words else {
        give_back(slots, slot);
        return None;
    };
    slot.enter(place, words);
    slot.describe(words, number);
    thread_blocks::note();
    Some(slot)
}

fn free_slot(slots: &'static Slots) -> Option<&'static Slot> {
    if slots.free.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let _guard = control().slots.try_for_a_while()?;
    let index = slots.free.load(Ordering::Relaxed).checked_sub(1)?;
    let slot = slots.slots.get(index as usize)?;
    slots.free.store(slot.next_free.load(Ordering::Relaxed), Ordering::Relaxed);
    Some(slot)
}

fn new_slot(slots: &'static Slots) -> Option<&'static Slot> {
    let add = |count| (count < THREAD_SLOTS_MAX as u32).then_some(count + 1);
    let index = slots.count.fetch_update(Ordering::AcqRel, Ordering::Relaxed, add).ok()?;
    let slot = slots.slots.get(index as usize)?;
    slot.index.store(index, Ordering::Relaxed);
    Some(slot)
}

fn give_back(slots: &'static Slots, slot: &'static Slot) {
    slots.live_count.fetch_sub(1, Ordering::Relaxed);
    // Where the lock cannot be had the slot is not used again: its cells keep
    // counting in every sum.
    if let Some(_guard) = control().slots.try_for_a_while() {
        slot.next_free.store(slots.free.load(Ordering::Relaxed), Ordering::Relaxed);
        slots.free.store(slot.index() + 1, Ordering::Relaxed);
    }
}

/// Frees the slot of a thread that ends. The thread's deltas are published.
pub(crate) fn leave_slot(slot: &'static Slot) {
    if let Some(words) = slot.words.get() {
        // It may have been named after its first event.
        store_name(words);
        words[thread::END_TICKS].store(clock::ticks(), Ordering::Relaxed);
        words[thread::STATE].store(thread::STATE_ENDED, Ordering::Release);
    }
    if let Some(store) = slot.store.get() {
        store.process()[process::THREAD_ENDED_COUNT].fetch_add(1, Ordering::Relaxed);
    }
    if let Some(slots) = SLOTS.get() {
        give_back(slots, slot);
    }
}

/// Stores the calling thread's name.
fn store_name(words: &ThreadWords) {
    let name = os::thread_name();
    for (word, bytes) in words[thread::NAME..].iter().zip(name.as_chunks().0) {
        word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
    }
}

impl Slot {
    /// The slot's number.
    #[inline]
    pub(crate) fn index(&self) -> u32 {
        self.index.load(Ordering::Relaxed)
    }

    /// The store in which the slot records.
    pub(crate) fn store(&self) -> Option<&'static Store> {
        self.store.get()
    }

    /// The slot's words in that store.
    pub(crate) fn words(&self) -> Option<&'static ThreadWords> {
        self.words.get()
    }

    /// Takes the open journal chunk that the slot's last thread left; for its
    /// next one, or whoever overwrites the chunk.
    pub(crate) fn take_left_chunk(&self) -> Option<(u32, usize)> {
        let next = self.left_next.swap(0, Ordering::AcqRel) as usize;
        (next != 0).then(|| (self.left_chunk.load(Ordering::Relaxed), next))
    }

    fn enter(&self, store: &'static Store, words: &'static ThreadWords) {
        self.store.set(store);
        self.words.set(words);
    }

    fn describe(&self, words: &ThreadWords, number: u64) {
        store_name(words);
        words[thread::THREAD].store(number, Ordering::Relaxed);
        words[thread::SYSTEM_ID].store(os::thread_id().into(), Ordering::Relaxed);
        words[thread::START_TICKS].store(clock::ticks(), Ordering::Relaxed);
        words[thread::END_TICKS].store(0, Ordering::Relaxed);
        words[thread::STATE].store(thread::STATE_LIVE, Ordering::Release);
    }

    /// The page of a group of tags, if the slot has one.
    #[inline(always)]
    pub(crate) fn page(&self, group: u32) -> Option<&'static Page> {
        self.pages[group as usize % GROUPS_MAX].get()
    }

    /// The cell of a tag, if the slot has its page.
    #[inline(always)]
    pub(crate) fn cell(&self, tag: u32) -> Option<&'static Cell> {
        self.page(tag / TAGS_PER_GROUP as u32).map(|page| cell_of(page, tag))
    }

    /// The page of a group of tags, taken if need be. For the slot's own
    /// thread; for the orphan slot under the lock on slots.
    pub(crate) fn page_or_take(&self, store: &'static Store, group: u32) -> Option<&'static Page> {
        if let Some(page) = self.page(group) {
            return Some(page);
        }
        let Some((_, page)) = store.take_page() else {
            store.process()[process::CELL_OVERFLOW_COUNT].fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let owner = PageOwner { slot: self.index(), group };
        page[0].store(owner.encode(), Ordering::Release);
        self.pages[group as usize % GROUPS_MAX].set(page);
        Some(page)
    }

    /// A page of its cache in front of the sites' counters, if it has it.
    #[inline(always)]
    pub(crate) fn site_page(&self, page: u32) -> Option<&'static SitePage> {
        self.site_pages[page as usize % CACHE_PAGES as usize].get()
    }

    /// Gives it a page, or takes it away.
    pub(crate) fn set_site_page(&self, page: u32, words: Option<&'static SitePage>) {
        let place = &self.site_pages[page as usize % CACHE_PAGES as usize];
        match words {
            Some(words) => place.set(words),
            None => place.clear(),
        }
    }

    /// The last stack, made if need be. For the slot's own thread; none for the
    /// orphan slot, which is many threads'.
    #[inline(always)]
    pub(crate) fn memo(&self) -> Option<&'static Memo> {
        self.memo.get().or_else(|| self.make_memo())
    }

    #[cold]
    fn make_memo(&self) -> Option<&'static Memo> {
        let memo = Some(()).filter(|()| self.index() != ORPHANS).and_then(|()| Memo::make())?;
        self.memo.set(memo);
        Some(memo)
    }

    /// Its records for new blocks; none for the orphan slot, which is many
    /// threads'.
    #[inline]
    pub(crate) fn free_records(&self) -> Option<&Free> {
        (self.index() != ORPHANS).then_some(&self.free)
    }

    /// The name that its thread had when it was noted last.
    #[cfg(feature = "leak-check")]
    pub(crate) fn name(&self) -> String {
        let Some(words) = self.words.get() else { return String::new() };
        let words = words[thread::NAME..].iter().take(thread::NAME_SIZE / 8);
        let bytes: Vec<u8> =
            words.flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes()).collect();
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }

    /// The number of the thread that has the slot now; 0 for the orphan slot.
    pub(crate) fn thread_number(&self) -> u32 {
        match self.words.get() {
            Some(words) if self.index() != ORPHANS => {
                words[thread::THREAD].load(Ordering::Relaxed) as u32
            }
            _ => 0,
        }
    }

    /// The site with this key, if one of the slot's threads met it lately. For
    /// the slot's own thread, as is [`Slot::remember`].
    #[inline(always)]
    pub(crate) fn remembered(&self, key: u64) -> Option<u32> {
        let place = &self.remembered[key as usize / 2 % SITES_REMEMBERED];
        let is_it = place.key.load(Ordering::Relaxed) == key;
        is_it.then(|| place.site.load(Ordering::Relaxed))
    }

    /// Notes a site.
    pub(crate) fn remember(&self, key: u64, site: u32) {
        let place = &self.remembered[key as usize / 2 % SITES_REMEMBERED];
        place.key.store(key, Ordering::Relaxed);
        place.site.store(site, Ordering::Relaxed);
    }

    /// Records in another store from now on, whose pages hold what the old
    /// ones did.
    pub(crate) fn move_to(&self, store: &'static Store, words: &'static ThreadWords) {
        self.enter(store, words);
    }

    /// Puts another store's page in the place of the group's.
    pub(crate) fn replace_page(&self, group: u32, page: &'static Page) {
        self.pages[group as usize % GROUPS_MAX].set(page);
    }
}
