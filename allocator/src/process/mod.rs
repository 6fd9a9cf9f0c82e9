//! The process's life: its first event, a late log, forks, threads that come
//! and end, exit.

mod fork;
mod late_log;

use core::ffi::{CStr, c_void};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use scrubjay_log_format::{Mode, process};

use crate::budget::{self, TOTAL};
use crate::capture::{self, Bounds, Engine};
use crate::config::Config;
use crate::control::{
    self, BUDGETS, EPOCH_SHIFT, JOURNAL, LIVE, PAUSED, READY, SAMPLE, STACKS, VERIFY, control,
};
use crate::line::Line;
use crate::site::counters;
use crate::store::{self, Plan, Store};
use crate::thread::{self, Here, Slot};
use crate::{
    frames, heap, helper, journal, late, ledger, live, mapped, modules, os, own, register,
    registers, sampling, tag, trailer, vitals,
};

pub(crate) use late_log::start_log;

use fork::{after_fork_in_child, after_fork_in_parent, before_fork, begin_as_child};

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
    let mut config = config.with_environment();
    trailer::choose_key();
    if config.live && !live::prepare() {
        Line::new().text("no memory for the registry of live blocks: there is none").say();
        config.live = false;
    }
    if !config.mappings {
        mapped::forbid();
    }
    if config.clear_registers {
        registers::switch_on();
    }
    tag::choose_untagged(config.wipe);
    if let Some(budget) = config.budget {
        register::cover(TOTAL, Some(register::limits_of(budget)));
    }
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
    register::declare_all(store);
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

/// Gets the unwinder ready where a mode has stacks, and notes the modules that
/// a reader needs for their symbols. Not within an allocation.
fn prepare_stacks(store: &Store, mode: Mode) {
    if store.config().has_stacks(mode) {
        let engine = match own::account(capture::prepare) {
            Engine::None => process::ENGINE_NONE,
            Engine::FramePointers => process::ENGINE_FRAME_POINTERS,
            Engine::Tables => process::ENGINE_UNWIND_TABLES,
        };
        store.process()[process::ENGINE].store(engine, Ordering::Relaxed);
        modules::note(store);
    }
}

/// Gets the unwinder ready where a budget may refuse an allocation in a mode without
/// stacks: a refusal is told with its stack. Not within an allocation.
pub(crate) fn prepare_refusals(store: &Store) {
    let config = store.config();
    if config.stacks != Some(false) && !config.has_stacks(store.mode()) {
        own::account(capture::prepare);
        modules::note(store);
    }
}

fn put_in_force(store: &'static Store) {
    store::set_current(store);
    put_mode_in_force(store, store.mode());
}

/// Has all threads record in a mode, from each one's next event on.
fn put_mode_in_force(store: &Store, mode: Mode) {
    let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
    let has_stacks = store.config().has_stacks(mode);
    let word = READY
        | flag(store.has_journal(), JOURNAL)
        | flag(store.has_journal() && mode != Mode::Journal, PAUSED)
        | flag(mode == Mode::Sample, SAMPLE)
        | flag(mode != Mode::Sample && has_stacks, STACKS)
        | flag(store.config().verify, VERIFY)
        | flag(store.config().live, LIVE)
        | flag(budget::is_any(), BUDGETS)
        | control::generation()
        | store.epoch() << EPOCH_SHIFT;
    let told = mode as u64 | if has_stacks { process::MODE_STACKS } else { 0 };
    store.process()[process::MODE].store(told, Ordering::Relaxed);
    control().mode.store(word, Ordering::Release);
}

/// Changes the mode; answers the one before. `None` where the store in force
/// has no journal and one is asked for.
pub(crate) fn set_mode(store: &'static Store, mode: Mode) -> Option<Mode> {
    // Before the lock: the loader's lock is taken for it.
    prepare_stacks(store, mode);
    let _guard = control().tags.wait();
    let store = store::current().unwrap_or(store);
    if mode == Mode::Journal && !store.has_journal() {
        return None;
    }
    let before = mode_in_force();
    if before != mode {
        store.process()[process::MODE_CHANGE_COUNT].fetch_add(1, Ordering::Relaxed);
        put_mode_in_force(store, mode);
        helper::start();
    }
    Some(before)
}

fn mode_in_force() -> Mode {
    let word = control::mode();
    if word & SAMPLE != 0 {
        Mode::Sample
    } else if word & JOURNAL != 0 && word & PAUSED == 0 {
        Mode::Journal
    } else {
        Mode::Count
    }
}

fn anonymous(config: Config, flags: u32, epoch: u32) -> Option<&'static Store> {
    let plan = Plan { config, mode: config.mode_in_memory(), flags, epoch, descriptor: None };
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
    capture::note_first_modules();
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
    #[cfg(all(feature = "leak-check", target_env = "gnu"))]
    crate::inherit::knock();
    if let Some(store) = store::current() {
        prepare_stacks(store, store.mode());
        if budget::has_budget(TOTAL) {
            prepare_refusals(store);
        }
    }
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
    look_up(here, slot, store)
}

/// Looks up what events need, and notes the mode word for which it holds.
fn look_up(here: &Here, slot: &'static Slot, store: &'static Store) -> Place {
    let mode = control::mode();
    let place = look_up_in_old(here, slot);
    if mode >> EPOCH_SHIFT == store.epoch() {
        look_up_stack(here, store, mode);
        if mode & PAUSED != 0 {
            journal::leave(here, slot);
        } else if store.has_journal()
            && here.next.get() == 0
            && let Some(words) = slot.words()
        {
            journal::take_over(here, slot, store, words);
        }
        here.set_mode(mode);
    }
    place
}

/// What a thread needs to know for its blocks' stacks, and for its sample.
fn look_up_stack(here: &Here, store: &Store, mode: u32) {
    let config = store.config();
    if mode & SAMPLE == 0 {
        here.until_sample.set(i64::MAX);
    } else if here.until_sample.get() > i64::MAX / 2 {
        sampling::draw(here, config.sample_interval);
    }
    let has_stacks = mode & STACKS != 0 || mode & SAMPLE != 0 && config.has_stacks(Mode::Sample);
    if has_stacks && here.stack_depth.get() == 0 {
        here.bounds.set(Bounds::of_thread());
    }
    here.stack_depth.set(if has_stacks { config.stack_depth } else { 0 });
}

fn look_up_in_old(here: &Here, slot: &'static Slot) -> Place {
    here.words.set(slot.words());
    let tag = here.tag.get();
    // Without a cell of its own the thread counts in the shared ones.
    let cell = slot.cell(tag).or_else(|| cell_or_take(slot, tag));
    let policy = tag::policy(tag);
    here.cell.set(cell.filter(|_| policy.is_plain()));
    here.set_budgeted(policy.is_budgeted());
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
    counters::move_rest(store);
    helper::look_at_modules(store);
    thread::here(|here| {
        if let Some(slot) = here.slot.get() {
            ledger::publish_all(slot);
        }
    });
    frames::write_now(store);
    register::declare_budgets(store);
    vitals::write_last(store);
    mark_end(store, process::STATE_EXITED);
}

/// Notes how the process ended.
pub(crate) fn mark_end(store: &'static Store, state: u64) {
    frames::pair_clocks(store);
    let words = store.process();
    words[process::END_TICKS].store(crate::clock::ticks(), Ordering::Relaxed);
    words[process::STATE].store(state, Ordering::Release);
}
