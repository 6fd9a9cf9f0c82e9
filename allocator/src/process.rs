//! The process's life: its first event, a late log, forks, threads that come
//! and end, exit.

use core::ffi::{CStr, c_void};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use scrubjay_log_format::{Mode, cell, header, process, tag as tag_format};

use crate::config::Config;
use crate::control::{self, EPOCH_SHIFT, JOURNAL, READY, VERIFY, control};
use crate::limits::TAGS_MAX;
use crate::line::Line;
use crate::store::{self, Plan, Store};
use crate::thread::{self, Here, Slot};
use crate::{
    frames, heap, helper, journal, late, ledger, mapped, os, registers, registry, tag, trailer,
    vault,
};

/// How far the process has come; unlike the mode word it survives a fork.
static STAGE: AtomicU32 = AtomicU32::new(UNTOUCHED);
const UNTOUCHED: u32 = 0;
const BEGINNING: u32 = 1;
const BEGUN: u32 = 2;
/// No memory for a ledger: blocks are handed on, wiped, and not counted.
const BLIND: u32 = 3;

/// The key whose destructor is the hook of a thread's end, plus 1.
static EXIT_KEY: AtomicU32 = AtomicU32::new(0);

/// While the constructor asks whether this allocator is the program's.
static PROBING: AtomicBool = AtomicBool::new(false);

/// Where an event is recorded.
pub(crate) enum Place {
    /// In the calling thread's own slot; `Here` is up to date.
    Own,
    /// In the orphan slot.
    Orphans(&'static Slot),
    /// Nowhere.
    Nowhere,
}

/// Brings the thread's part up to date, for which it need not be known yet.
/// The slow path of every event.
#[cold]
#[inline(never)]
pub(crate) fn catch_up(here: &Here, config: &Config) -> Place {
    let Some(store) = begun(config) else { return Place::Nowhere };
    let Some(slot) = here.slot.get() else { return arrive(here, store) };
    if slot.index() == thread::ORPHANS {
        return Place::Orphans(slot);
    }
    let moved = slot.store().is_some_and(|own| own.epoch() == store.epoch());
    if moved || late::move_slot(slot, store) {
        look_up(here, slot, store)
    } else {
        // Recorded in the old store once more; the mode word stays unmatched.
        look_up_in_old(here, slot)
    }
}

/// The store in force, made if there is none. The mode word is set once there
/// is one.
fn begun(config: &Config) -> Option<&'static Store> {
    while control::mode() == 0 {
        match STAGE.compare_exchange(UNTOUCHED, BEGINNING, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => begin(config),
            Err(BEGUN) => begin_as_child(),
            Err(BLIND) => return None,
            // Another thread is at it: straight-line code without locks.
            Err(_) => os::yield_now(),
        }
    }
    store::current()
}

fn begin(config: &Config) {
    let config = config.with_environment();
    trailer::choose_key();
    if !config.mappings {
        mapped::forbid();
    }
    if config.clear_registers {
        registers::switch_on();
    }
    tag::choose_untagged(config.wipe);
    let store = match config.log {
        Some(name) => open_log(name.as_bytes(), config, 0, 1, |_| ()),
        None => None,
    };
    let made = store.or_else(|| anonymous(config, 0, 1)).filter(|store| thread::make_slots(store));
    let Some(store) = made else {
        Line::new().text("no memory for the ledger: nothing is counted").say();
        STAGE.store(BLIND, Ordering::Release);
        return;
    };
    tag::declare_all(store);
    if let Some(key) = os::create_exit_key(thread_ends) {
        EXIT_KEY.store(key + 1, Ordering::Relaxed);
    }
    os::at_exit(process_exits);
    os::at_fork(before_fork, after_fork_in_parent, after_fork_in_child);
    if !control::blank_on_fork() {
        Line::new().text("this kernel does not blank pages on fork: do not fork").say();
    }
    STAGE.store(BEGUN, Ordering::Release);
    put_in_force(store);
    frames::write_now(store);
}

fn put_in_force(store: &'static Store) {
    store::set_current(store);
    let journal = if store.has_journal() { JOURNAL } else { 0 };
    let verify = if store.config().verify { VERIFY } else { 0 };
    let mode = READY | journal | verify | store.epoch() << EPOCH_SHIFT;
    control().mode.store(mode, Ordering::Release);
}

fn anonymous(config: Config, flags: u32, epoch: u32) -> Option<&'static Store> {
    // A journal without a file would be memory that nobody reads.
    let plan = Plan { config, mode: Mode::Count, flags, epoch, descriptor: None };
    Store::create(plan).ok()
}

fn open_log(
    pattern: &[u8],
    config: Config,
    flags: u32,
    epoch: u32,
    then: impl FnOnce(&CStr),
) -> Option<&'static Store> {
    store::create_log(pattern, config, flags, epoch, then).map_err(Line::say).ok()
}

/// Runs before main: if this allocator is the program's, it decides now, and a
/// log gets its helper, outside of any allocation.
extern "C" fn constructor() {
    PROBING.store(true, Ordering::Relaxed);
    let layout = core::alloc::Layout::new::<u64>();
    // SAFETY: the layout has a size. The block, if there is one, came from
    // another global allocator.
    let block = core::hint::black_box(unsafe { std::alloc::alloc(layout) });
    PROBING.store(false, Ordering::Relaxed);
    if !block.is_null() {
        // SAFETY: allocated just now with this layout.
        unsafe { std::alloc::dealloc(block, layout) };
    }
    heap::knock();
    helper::start();
}

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

/// Whether an allocation is only the constructor's question, to be answered
/// by null once the process has begun.
#[inline]
pub(crate) fn is_probe() -> bool {
    PROBING.load(Ordering::Relaxed)
}

/// Whether the settings are known, and events are recorded if they can be.
#[cfg(feature = "c-heap")]
pub(crate) fn has_begun() -> bool {
    matches!(STAGE.load(Ordering::Acquire), BEGUN | BLIND)
}

/// Begins the process before its first event, for an API call or the probe.
pub(crate) fn begin_now(config: &Config) -> Option<&'static Store> {
    begun(config)
}

/// A thread's first event.
fn arrive(here: &Here, store: &'static Store) -> Place {
    let Some(slot) = thread::take_slot(store) else {
        // For good: whether a slot is free is not asked at every event.
        here.slot.set(thread::orphans());
        return thread::orphans().map_or(Place::Nowhere, Place::Orphans);
    };
    here.slot.set(Some(slot));
    let place = settle(here, slot, store);
    // Last: the system may allocate for it, which is an event like any other
    // where C code's blocks are counted.
    if let Some(key) = EXIT_KEY.load(Ordering::Relaxed).checked_sub(1) {
        os::arm_thread_exit(key);
    }
    place
}

/// A thread's first event has a slot.
fn settle(here: &Here, slot: &'static Slot, store: &'static Store) -> Place {
    let moved = slot.store().is_some_and(|own| own.epoch() == store.epoch());
    if !moved && !late::move_slot(slot, store) {
        return look_up_in_old(here, slot);
    }
    if store.has_journal()
        && let Some(words) = slot.words()
    {
        journal::take_over(here, slot, store, words);
    }
    look_up(here, slot, store)
}

/// Looks up what events need, and notes the mode word for which it holds.
fn look_up(here: &Here, slot: &'static Slot, store: &'static Store) -> Place {
    let mode = control::mode();
    let place = look_up_in_old(here, slot);
    if mode >> EPOCH_SHIFT == store.epoch() {
        here.set_mode(mode);
    }
    place
}

fn look_up_in_old(here: &Here, slot: &'static Slot) -> Place {
    here.words.set(slot.words());
    let site = here.site.get();
    // Without a cell of its own the thread counts in the shared ones.
    let cell = slot.cell(site).or_else(|| cell_or_take(slot, site));
    here.cell.set(cell.filter(|_| tag::policy(site).is_plain()));
    Place::Own
}

/// The cell of a tag, its page taken if need be; that of the orphan slot under
/// the lock, since many may want it.
#[cold]
pub(crate) fn cell_or_take(slot: &'static Slot, tag: u32) -> Option<&'static store::Cell> {
    let group = tag / crate::limits::TAGS_PER_GROUP as u32;
    let store = slot.store()?;
    let page = if slot.index() == thread::ORPHANS {
        let _guard = control().slots.try_for_a_while()?;
        slot.page_or_take(store, group)
    } else {
        slot.page_or_take(store, group)
    };
    page.map(|page| store::cell_of(page, tag))
}

/// Runs behind the destructors of thread-locals; what the thread still frees
/// after it is counted in the orphan slot.
unsafe extern "C" fn thread_ends(_: *mut c_void) {
    thread::here(|here| {
        let Some(slot) = here.slot.get().filter(|slot| slot.index() != thread::ORPHANS) else {
            return;
        };
        let same = slot.store().map(Store::epoch) == store::current().map(Store::epoch);
        here.slot.set(thread::orphans());
        // Stays 0, which matches no mode: every event takes the slow path.
        here.set_mode(0);
        if !same {
            journal::forget(here);
        }
        ledger::publish_all(slot);
        journal::leave(here, slot);
        thread::leave_slot(slot);
    });
}

extern "C" fn process_exits() {
    if control::mode() == 0 {
        return;
    }
    let Some(store) = store::current() else { return };
    late::copy_laggards(store);
    thread::here(|here| {
        if let Some(slot) = here.slot.get() {
            ledger::publish_all(slot);
        }
    });
    frames::write_now(store);
    mark_end(store, process::STATE_EXITED);
}

/// Notes how the process ended.
pub(crate) fn mark_end(store: &'static Store, state: u64) {
    frames::pair_clocks(store);
    let words = store.process();
    words[process::END_TICKS].store(crate::clock::ticks(), Ordering::Relaxed);
    words[process::STATE].store(state, Ordering::Release);
}

/// Starts a log now; `then` gets its name.
///
/// # Errors
/// If there is one already, or it cannot be written; the line says why.
#[expect(clippy::result_large_err, reason = "nothing may be boxed here, and the path is rare")]
pub(crate) fn start_log(pattern: &[u8], then: impl FnOnce(&CStr)) -> Result<(), Line> {
    let Some(before) = begin_now(&Config::new()) else {
        return Err(Line::new().text("nothing is counted, so there is no log"));
    };
    let Some(_guard) = control().tags.try_for_a_while() else {
        return Err(Line::new().text("another thread is starting a log"));
    };
    if before.descriptor().is_some() {
        return Err(Line::new().text("there is a log already"));
    }
    let flags = before.flags() | header::FLAG_LATE;
    let store = store::create_log(pattern, *before.config(), flags, before.epoch() + 1, then)?;
    let (old, new) = (before.process(), store.process());
    let kept = [
        process::PEAK,
        process::PEAK_TICKS,
        process::THREAD_COUNT,
        process::THREAD_ENDED_COUNT,
        process::THREAD_OVERFLOW_COUNT,
        process::THREAD_LIVE_MAX,
        process::TAG_OVERFLOW_COUNT,
        process::CORRUPTION_COUNT,
    ];
    for word in kept {
        new[word].store(old[word].load(Ordering::Relaxed), Ordering::Relaxed);
    }
    tag::declare_all(store);
    for index in 0..tag::count() {
        if let (Some(old), Some(new)) = (before.totals(index), store.totals(index)) {
            for word in [
                tag_format::VAULT_STATE,
                tag_format::PEAK,
                tag_format::PEAK_TICKS,
                tag_format::INHERITED_BYTES,
                tag_format::INHERITED_BLOCKS,
            ] {
                new[word].store(old[word].load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
    }
    late::copy_laggards(store);
    journal::forget_orphans();
    registry::begin_move(before);
    put_in_force(store);
    registry::move_all(before, store);
    if let Some(orphans) = thread::orphans() {
        late::move_slot(orphans, store);
    }
    // Once more: a thread may have been within an event when it was copied.
    late::copy_laggards(store);
    frames::write_now(store);
    helper::start();
    Ok(())
}

/// What was live per tag when the process forked, bytes and blocks: the child
/// cannot read it later, since its parent goes on counting in a shared file.
static AT_FORK: [[AtomicU64; 2]; TAGS_MAX] = [const { [const { AtomicU64::new(0) }; 2] }; TAGS_MAX];
/// Threads at the fork; 0 while no fork is under way.
static THREADS_AT_FORK: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" fn before_fork() {
    vault::before_fork();
    if control::mode() != 0 {
        note_live();
        THREADS_AT_FORK.store(thread::live_count().max(1), Ordering::Release);
    }
}

unsafe extern "C" fn after_fork_in_parent() {
    vault::after_fork_in_parent();
    THREADS_AT_FORK.store(0, Ordering::Release);
}

/// Before anybody can map something where the parent's vaults were.
unsafe extern "C" fn after_fork_in_child() {
    vault::settle();
}

fn note_live() {
    for (tag, place) in AT_FORK.iter().enumerate().take(tag::count() as usize) {
        let [bytes, blocks] = live(tag as u32);
        place[0].store(bytes, Ordering::Relaxed);
        place[1].store(blocks, Ordering::Relaxed);
    }
}

/// What is live of a tag: bytes and blocks, over all slots and what was
/// inherited.
fn live(tag: u32) -> [u64; 2] {
    let totals = store::current().and_then(|store| store.totals(tag));
    let mut live = totals.map_or([0, 0], |totals| {
        [tag_format::INHERITED_BYTES, tag_format::INHERITED_BLOCKS]
            .map(|word| totals[word].load(Ordering::Relaxed))
    });
    for cell in thread::used().filter_map(|slot| slot.cell(tag)) {
        let word = |index: usize| cell[index].load(Ordering::Relaxed);
        let bytes = word(cell::ALLOCATED_BYTES).wrapping_sub(word(cell::FREED_BYTES));
        let blocks = word(cell::ALLOCATED_BLOCKS).wrapping_sub(word(cell::FREED_BLOCKS));
        live = [live[0].wrapping_add(bytes), live[1].wrapping_add(blocks)];
    }
    live
}

/// The first event of a forked child: a store of its own, with what was live
/// and no totals. The parent's stays mapped and is not touched any more.
#[cold]
fn begin_as_child() {
    let Some(parents) = store::current() else { return };
    if STAGE.compare_exchange(BEGUN, BEGINNING, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        return;
    }
    vault::settle();
    let threads = THREADS_AT_FORK.swap(0, Ordering::AcqRel);
    if threads == 0 {
        // A raw clone: no hook ran, so the figures are those of now.
        note_live();
    }
    let approximate = if threads == 1 { 0 } else { header::FLAG_APPROXIMATE };
    let flags = header::FLAG_FORKED | approximate;
    let epoch = parents.epoch() + 1;
    let config = *parents.config();
    if let Some(descriptor) = parents.descriptor().filter(|_| parents.is_open()) {
        // The lock on the file is the parent's life.
        os::close(descriptor);
    }
    let logged = parents.descriptor().and(config.log);
    let store = logged
        .and_then(|name| open_log(name.as_bytes(), config, flags, epoch, |_| ()))
        .or_else(|| anonymous(config, flags, epoch))
        .filter(|store| thread::make_slots(store));
    let Some(store) = store else {
        STAGE.store(BLIND, Ordering::Release);
        return;
    };
    tag::declare_all(store);
    journal::forget_orphans();
    inherit(store);
    thread::here(|here| {
        here.slot.set(None);
        here.set_mode(0);
        journal::forget(here);
    });
    STAGE.store(BEGUN, Ordering::Release);
    put_in_force(store);
    frames::write_now(store);
}

fn inherit(store: &'static Store) {
    let mut sum = 0;
    for (tag, at_fork) in AT_FORK.iter().enumerate().take(tag::count() as usize) {
        if tag::vault(tag as u32).is_some_and(|vault| !vault.may_be_heap()) {
            // They are not in the child's memory.
            continue;
        }
        let [bytes, blocks] = [0, 1].map(|index| at_fork[index].load(Ordering::Relaxed));
        sum += bytes;
        if let Some(totals) = store.totals(tag as u32) {
            totals[tag_format::INHERITED_BYTES].store(bytes, Ordering::Relaxed);
            totals[tag_format::INHERITED_BLOCKS].store(blocks, Ordering::Relaxed);
            totals[tag_format::LIVE].store(bytes, Ordering::Relaxed);
            totals[tag_format::PEAK].store(bytes, Ordering::Relaxed);
        }
    }
    store.process()[process::LIVE].store(sum, Ordering::Relaxed);
    store.process()[process::PEAK].store(sum, Ordering::Relaxed);
}
