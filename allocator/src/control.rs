//! The page that a forked child finds blank: mode word and locks.
//!
//! A child so knows itself by one load, also after a raw `clone`, and finds no
//! lock held by a thread that it does not have.

use core::sync::atomic::{AtomicU32, Ordering};

use spin::mutex::{SpinMutex, SpinMutexGuard};

use crate::limits::LOCK_TRIES_MAX;
use crate::os;

#[cfg(target_arch = "x86_64")]
const PAGE_SIZE: usize = 4 << 10;
#[cfg(not(target_arch = "x86_64"))]
const PAGE_SIZE: usize = 64 << 10;

/// The process has a store to record in.
pub(crate) const READY: u32 = 1;
/// Events go to the journal, too.
pub(crate) const JOURNAL: u32 = 1 << 1;
/// Released blocks are held back, and verified before they are handed out.
pub(crate) const VERIFY: u32 = 1 << 2;
/// Sites of new blocks have stacks.
pub(crate) const STACKS: u32 = 1 << 3;
/// A sample of the blocks has sites of its own.
pub(crate) const SAMPLE: u32 = 1 << 4;
/// The journal takes no events for now.
pub(crate) const PAUSED: u32 = 1 << 5;
/// Live blocks have records.
pub(crate) const LIVE: u32 = 1 << 6;
/// There is a budget.
pub(crate) const BUDGETS: u32 = 1 << 7;
/// No mode word.
pub(crate) const NEVER: u32 = u32::MAX;
/// Counts how often what threads know of their tags got out of date.
const GENERATION: u32 = 0xf << GENERATION_SHIFT;
const GENERATION_SHIFT: u32 = 8;
/// From here up the mode word counts the stores that were in force.
pub(crate) const EPOCH_SHIFT: u32 = 12;

/// A lock that no event waits for without an end.
pub(crate) struct Lock(SpinMutex<()>);

impl Lock {
    const fn new() -> Self {
        Self(SpinMutex::new(()))
    }

    /// Tries once.
    pub(crate) fn try_once(&self) -> Option<SpinMutexGuard<'_, ()>> {
        self.0.try_lock()
    }

    /// Waits until nobody has it. Only outside of the four methods: whoever
    /// has it may be making room in a file.
    pub(crate) fn wait(&self) -> SpinMutexGuard<'_, ()> {
        loop {
            if let Some(guard) = self.try_for_a_while() {
                return guard;
            }
        }
    }

    /// Tries for a while, letting others run; `None` where that was in vain.
    pub(crate) fn try_for_a_while(&self) -> Option<SpinMutexGuard<'_, ()>> {
        for tries in 0..LOCK_TRIES_MAX {
            if let Some(guard) = self.0.try_lock() {
                return Some(guard);
            }
            os::back_off(tries);
        }
        None
    }
}

/// What is on the page.
#[repr(C)]
pub(crate) struct Control {
    /// 0: undecided, or forked. Else [`READY`] and what else holds.
    pub(crate) mode: AtomicU32,
    /// Counts calls to the helper for room; it sleeps on it.
    pub(crate) demand: AtomicU32,
    /// Counts windows that the helper made; threads without room sleep on it.
    pub(crate) room: AtomicU32,
    /// 1 while a helper thread is there.
    pub(crate) helper: AtomicU32,
    /// The system's id of the helper: nobody makes room for it.
    pub(crate) helper_id: AtomicU32,
    /// Counts samples of vitals that the helper is asked for.
    pub(crate) vitals_wanted: AtomicU32,
    /// How many of these it has taken; who asked sleeps on it.
    pub(crate) vitals_taken: AtomicU32,
    /// Whether the vaults are this process's: 0 where they are its parent's.
    pub(crate) vault_home: AtomicU32,
    /// Threads that are changing what stands in vaults.
    pub(crate) vault_work: AtomicU32,
    /// Forks under way, which wait for those threads.
    pub(crate) vault_forks: AtomicU32,
    /// Counts events of budgets; who waits for them sleeps on it.
    pub(crate) pressure: AtomicU32,
    /// How many wait.
    pub(crate) pressure_watchers: AtomicU32,
    /// Guards the writer of a frame.
    pub(crate) frames: Lock,
    /// Guards the mapping of a window, and with it chunks of tables.
    pub(crate) windows: Lock,
    /// Guards the list of free thread slots, and the orphan slot's pages.
    pub(crate) slots: Lock,
    /// Guards the registry of tags, and with it the change of stores.
    pub(crate) tags: Lock,
    /// Guards the making of tags by name.
    pub(crate) families: Lock,
    /// Guards the orphan slot's journal chunk.
    pub(crate) orphans: Lock,
    /// Guards the blocks that are held back.
    pub(crate) quarantine: Lock,
    /// Guards the log's list of modules.
    pub(crate) modules: Lock,
    /// Guards the making of sites.
    pub(crate) sites: Lock,
    /// Guards what budgets have handed out.
    pub(crate) budgets: Lock,
    /// Guards the search of memory: two would find each other's buffers.
    pub(crate) searches: Lock,
    /// Guards the writer of vitals.
    pub(crate) vitals: Lock,
    /// Guards what the log has of scans.
    #[cfg(feature = "leak-check")]
    pub(crate) scans: Lock,
}

#[repr(C)]
#[cfg_attr(target_arch = "x86_64", repr(align(4096)))]
#[cfg_attr(not(target_arch = "x86_64"), repr(align(65536)))]
struct Page {
    control: Control,
    rest: [u8; PAGE_SIZE - size_of::<Control>()],
}

static PAGE: Page = Page {
    control: Control {
        mode: AtomicU32::new(0),
        demand: AtomicU32::new(0),
        room: AtomicU32::new(0),
        helper: AtomicU32::new(0),
        helper_id: AtomicU32::new(0),
        vitals_wanted: AtomicU32::new(0),
        vitals_taken: AtomicU32::new(0),
        vault_home: AtomicU32::new(0),
        vault_work: AtomicU32::new(0),
        vault_forks: AtomicU32::new(0),
        pressure: AtomicU32::new(0),
        pressure_watchers: AtomicU32::new(0),
        frames: Lock::new(),
        windows: Lock::new(),
        slots: Lock::new(),
        tags: Lock::new(),
        families: Lock::new(),
        orphans: Lock::new(),
        quarantine: Lock::new(),
        modules: Lock::new(),
        sites: Lock::new(),
        budgets: Lock::new(),
        searches: Lock::new(),
        vitals: Lock::new(),
        #[cfg(feature = "leak-check")]
        scans: Lock::new(),
    },
    rest: [0; PAGE_SIZE - size_of::<Control>()],
};

/// The page's content.
#[inline(always)]
pub(crate) fn control() -> &'static Control {
    &PAGE.control
}

/// The mode word: one load.
#[inline(always)]
pub(crate) fn mode() -> u32 {
    PAGE.control.mode.load(Ordering::Relaxed)
}

/// The part of the mode word that counts generations of what threads know.
pub(crate) fn generation() -> u32 {
    mode() & GENERATION
}

/// Has each thread look at its next event whether its tag is under a budget, now that
/// there is one. The caller holds the lock on tags.
pub(crate) fn outdate() {
    let next = |mode: u32| {
        let generation = (mode & GENERATION).wrapping_add(1 << GENERATION_SHIFT) & GENERATION;
        (mode != 0).then_some(mode & !GENERATION | generation | BUDGETS)
    };
    // 0 is nobody's: there is nothing to outdate.
    let _ = PAGE.control.mode.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next);
}

/// Has forked children find the page blank. False where the kernel cannot.
pub(crate) fn blank_on_fork() -> bool {
    os::wipe_on_fork((&raw const PAGE).cast(), size_of::<Page>())
}
