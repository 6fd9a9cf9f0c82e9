//! Looks at stacks, taken within allocations by both this crate and `backtrace`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;
use std::time::Duration;

use spin::mutex::{SpinMutex, SpinMutexGuard};

use crate::capture::{self, Bounds, End, Engine, Memo, Stack};
use crate::limits::STACK_DEPTH_MAX;

/// One stack, seen by both.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) ours: Vec<usize>,
    pub(super) theirs: Vec<usize>,
    pub(super) end: End,
    pub(super) hash: u64,
}

/// The looks of a scenario, on whatever threads.
#[derive(Default)]
pub(super) struct Looks(SpinMutex<Vec<Look>>);

thread_local! {
    static LOOKS: Cell<*const Looks> = const { Cell::new(ptr::null()) };
    static BOUNDS: Cell<Bounds> = const { Cell::new(Bounds::UNKNOWN) };
    static MEMO: Option<&'static Memo> = Memo::make();
}

/// What was captured: addresses, innermost first, how it ended, and the hash.
pub(super) type Told = (Vec<usize>, End, u64);

/// A key for which nothing is kept.
pub(super) const TOLD: u32 = u32::MAX;

/// Has what is captured told, each time.
pub(super) fn teller(told: &mut Option<Told>) -> impl FnOnce(&Stack<'_>) -> Option<u32> {
    |stack| {
        let mut addresses: Vec<usize> = stack.addresses().collect();
        addresses.reverse();
        *told = Some((addresses, stack.end, stack.hash));
        None
    }
}

/// The stack of whoever this is inlined into.
#[inline(always)]
pub(super) fn taken(memo: Option<&Memo>, depth: usize, bounds: Bounds) -> Told {
    let mut told = None;
    capture::stack(memo, TOLD, depth, bounds, teller(&mut told));
    told.unwrap_or((Vec::new(), End::Lost, 0))
}

impl Looks {
    /// Ready to look.
    pub(super) fn new() -> Self {
        prepared();
        Self::default()
    }

    /// Has every allocation of the calling thread looked at while `act` runs.
    pub(super) fn during<T>(&self, act: impl FnOnce() -> T) -> T {
        struct Restored(*const Looks);
        impl Drop for Restored {
            fn drop(&mut self) {
                LOOKS.set(self.0);
            }
        }
        let _restored = Restored(LOOKS.replace(self));
        act()
    }

    pub(super) fn take(&self) -> Vec<Look> {
        std::mem::take(&mut *self.0.lock())
    }

    fn add(&self, look: Look) {
        self.0.lock().push(look);
    }
}

static CHANGES: SpinMutex<()> = SpinMutex::new(());

/// While it lives, no other test loads or unloads code that says so, too: two
/// captures are by the same rules.
pub(super) fn unchanged() -> SpinMutexGuard<'static, ()> {
    loop {
        match CHANGES.try_lock() {
            Some(guard) => return guard,
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Waits until stacks can be captured: another test may be at it.
pub(super) fn prepared() {
    while capture::prepare() == Engine::None {
        std::thread::yield_now();
    }
}

/// Allocates a word.
pub(super) fn allocate() {
    std::hint::black_box(Box::new(7_u64));
}

/// A stack, seen by both at one place.
#[inline(never)]
pub(super) fn look() -> Look {
    if BOUNDS.get() == Bounds::UNKNOWN {
        BOUNDS.set(Bounds::of_thread());
    }
    let bounds = BOUNDS.get();
    let memo = MEMO.with(|memo| *memo);
    // By the last stack, by this one, and by the rules. From one and the same
    // place: each is the same stack.
    let mut all = Vec::with_capacity(3);
    for memo in [memo, memo, None] {
        all.push(taken(memo, STACK_DEPTH_MAX, bounds));
    }
    let (ours, end, hash) = all.pop().expect("three were taken");
    for (by_memo, its_end, its_hash) in all {
        // What is lost may have been known a moment before, or after.
        let is_known = |end| matches!(end, End::Whole | End::Cut);
        if is_known(end) && is_known(its_end) {
            assert!((&by_memo, its_end, its_hash) == (&ours, end, hash), "{by_memo:x?} {ours:x?}");
        }
    }
    let mut theirs = Vec::new();
    // Its lock is there for symbols, which nobody asks for.
    // SAFETY: nothing but libgcc's tables is used, which may be at one time.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            // Behind the outermost frame libgcc shows one more, of nothing.
            let address = frame.ip() as usize;
            if address != 0 {
                theirs.push(address);
            }
            true
        });
    }
    Look { ours, theirs, end, hash }
}

impl Look {
    /// What `backtrace` saw from our first frame on.
    pub(super) fn reference(&self) -> &[usize] {
        let start = self.theirs.iter().position(|address| Some(address) == self.ours.first());
        start.map_or(&[], |start| &self.theirs[start..])
    }

    /// How many functions of these tests are on the stack, inlined ones
    /// included; that of the look apart.
    pub(super) fn user_frame_count(&self) -> usize {
        let mut count = 0;
        for address in &self.ours {
            let call = ptr::without_provenance_mut(address - 1);
            backtrace::resolve(call, |symbol| {
                let file = symbol.filename().and_then(|path| path.to_str()).unwrap_or("");
                count +=
                    usize::from(file.contains("capture/tests/") && !file.ends_with("looks.rs"));
            });
        }
        count
    }
}

/// Looks where an allocator would.
struct Looking;

#[global_allocator]
static LOOKING: Looking = Looking;

#[inline(never)]
fn look_if_wanted() {
    let looks = LOOKS.replace(ptr::null());
    // SAFETY: during() put it there, and takes it away before it ends.
    if let Some(wanted) = unsafe { looks.as_ref() } {
        wanted.add(look());
    }
    LOOKS.set(looks);
}

// SAFETY: all of it is the system's.
unsafe impl GlobalAlloc for Looking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        look_if_wanted();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        look_if_wanted();
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, layout, size) }
    }
}
