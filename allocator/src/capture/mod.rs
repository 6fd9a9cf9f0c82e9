//! Stacks: who called, as return addresses, without allocating, waiting or
//! asking the system.
//!
//! How to get from a frame to its caller is known by code address (`rules`),
//! for all threads; what is not known yet is asked of the unwinder, once. Code
//! that keeps frame pointers so costs a look at a word a frame, and any other
//! an addition more; and what an address says is true of this very code,
//! whatever the code beside it was compiled with. Where a thread's last stack
//! (`memo`) was the same, its words are compared and no rule is asked for.

mod bounds;
mod foreign;
mod frames;
mod kept;
mod loaded;
mod memo;
mod memory;
mod modules;
mod registers;
mod rules;
mod signal;
#[cfg(test)]
mod tests;
mod unwinder;
mod walk;

use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use spin::mutex::SpinMutex;

pub(crate) use bounds::Bounds;
pub(crate) use frames::End;
pub(crate) use loaded::{Module, each_module};
pub(crate) use memo::Memo;

use frames::{Frames, folded};
use kept::{Asked, Found};
use memo::Taken;
use memory::Own;
use modules::Known;
use registers::Registers;
use rules::{GENERATION_MAX, Rules};
use unwinder::Seat;

use crate::limits::STACK_DEPTH_MAX;

static RULES: Rules = Rules::new();
/// That of the rules in force; 0 while there is no unwinder.
static GENERATION: AtomicU32 = AtomicU32::new(0);
/// Stacks that ended early because every seat was taken.
static BUSY_COUNT: AtomicU64 = AtomicU64::new(0);

/// What stacks are captured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Nothing: this machine is not known, or the self-test failed.
    None,
    /// Frame pointers, which this crate was compiled to keep; for code that
    /// keeps none as below.
    FramePointers,
    /// The tables that compilers leave for unwinding.
    Tables,
}

/// A captured stack.
pub(crate) struct Stack<'a> {
    /// Of its frames.
    pub(crate) hash: u64,
    pub(crate) end: End,
    frames: Place<'a>,
}

/// Where its frames stand.
enum Place<'a> {
    Memo(&'a Taken<'a>, Found),
    Frames(&'a Frames),
}

impl Stack<'_> {
    /// The return addresses, outermost first.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = usize> {
        let (kept, plain) = match self.frames {
            Place::Memo(taken, found) => (Some(taken.addresses(found).rev()), None),
            Place::Frames(frames) => (None, Some(frames.addresses().iter().rev().copied())),
        };
        kept.into_iter().flatten().chain(plain.into_iter().flatten())
    }
}

/// Captures the calling thread's stack, at most `depth` frames of it, and
/// answers what `then` makes of it. The first frame is whoever called the
/// function that this is inlined into. The memo, if there is one, is the
/// thread's; where the stack is the last one and the key, which is not 0, too,
/// the answer is as it was.
#[inline(always)]
pub(crate) fn stack(
    memo: Option<&Memo>,
    key: u32,
    depth: usize,
    bounds: Bounds,
    then: impl FnOnce(&Stack<'_>) -> Option<u32>,
) -> Option<u32> {
    let registers = registers::here();
    // SAFETY: these are the registers right here.
    unsafe { stack_from(memo, key, depth, bounds, registers, then) }
}

/// # Safety
/// The registers are those of a function that has not returned.
#[inline(always)]
unsafe fn stack_from(
    memo: Option<&Memo>,
    key: u32,
    depth: usize,
    bounds: Bounds,
    registers: Registers,
    then: impl FnOnce(&Stack<'_>) -> Option<u32>,
) -> Option<u32> {
    let generation = GENERATION.load(Ordering::Relaxed);
    // Behind the instruction that is under way, as a return address is.
    let registers = Registers { code: registers.code.wrapping_add(1), ..registers };
    let depth = depth.min(STACK_DEPTH_MAX);
    let own = bounds.end_above(registers.stack);
    if generation != 0
        && let Some(memo) = memo
        && let Some(end) = own
        && let Some(taken) = memo.take()
    {
        let asked = Asked { registers, depth, generation, end };
        // SAFETY: the caller's promise, and the stack pointer is within.
        let is_same = unsafe { taken.is_same(asked) };
        if is_same && let Some(answer) = taken.answer(key) {
            return Some(answer);
        }
        // SAFETY: as above.
        return unsafe { stack_by_memo(taken, key, asked, is_same, then) };
    }
    // SAFETY: as above.
    unsafe { stack_without_memo((depth, generation), own, registers, then) }
}

/// # Safety
/// As of [`stack_from`]; the stack's end is right, and it is the last one where
/// that is said.
#[inline(never)]
unsafe fn stack_by_memo(
    mut taken: Taken<'_>,
    key: u32,
    asked: Asked,
    is_same: bool,
    then: impl FnOnce(&Stack<'_>) -> Option<u32>,
) -> Option<u32> {
    let found = if is_same {
        taken.found()
    } else {
        // SAFETY: the caller's promise.
        unsafe { taken.walk(asked) }
    };
    if found.end == End::Busy {
        BUSY_COUNT.fetch_add(1, Ordering::Relaxed);
    }
    let frames = Place::Memo(&taken, found);
    let answer = then(&Stack { hash: folded(found.hash), end: found.end, frames });
    if let Some(answer) = answer {
        taken.keep(key, answer);
    }
    answer
}

/// # Safety
/// As of [`stack_from`]; the own stack's end is told where they are on that.
#[cold]
#[inline(never)]
unsafe fn stack_without_memo(
    (depth, generation): (usize, u32),
    own: Option<usize>,
    registers: Registers,
    then: impl FnOnce(&Stack<'_>) -> Option<u32>,
) -> Option<u32> {
    let mut frames = Frames::new();
    let end = if generation == 0 {
        End::Lost
    } else if let Some(end) = own {
        let mut memory = Own::new(end);
        // SAFETY: the caller's promise.
        unsafe { walk::walk(&mut frames, depth, registers, generation, &mut memory) }
    } else if let Some(mut memory) = foreign::Foreign::at(registers.stack) {
        // SAFETY: as above; this memory can be asked for any address.
        unsafe { walk::walk(&mut frames, depth, registers, generation, &mut memory) }
    } else {
        End::Busy
    };
    if end == End::Busy {
        BUSY_COUNT.fetch_add(1, Ordering::Relaxed);
    }
    then(&Stack { hash: folded(frames.hash()), end, frames: Place::Frames(&frames) })
}

/// How many stacks ended early because every seat of the unwinder was taken.
pub(crate) fn busy_count() -> u64 {
    BUSY_COUNT.load(Ordering::Relaxed)
}

/// How many modules were there before main.
static FIRST_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Notes which modules there are before main: what the program was linked to is
/// never unloaded, anything later may be. Called by the constructor.
pub(crate) fn note_first_modules() {
    FIRST_COUNT.store(modules::count(), Ordering::Relaxed);
}

/// What was known of the modules when they were last looked at.
struct Books {
    known: Vec<Known>,
    changes: (u64, u64),
    generation: u32,
}

static BOOKS: SpinMutex<Books> =
    SpinMutex::new(Books { known: Vec::new(), changes: (0, 0), generation: 0 });

/// Looks at the modules, and tests itself. Not within an allocation: it
/// allocates. Does nothing where it was done before.
pub(crate) fn prepare() -> Engine {
    if !is_possible() {
        return Engine::None;
    }
    if GENERATION.load(Ordering::Relaxed) == 0 {
        look(true);
        if !passes_self_test() {
            GENERATION.store(0, Ordering::Relaxed);
        }
    }
    engine()
}

/// Looks at the modules again if some were loaded or unloaded, and answers
/// whether so. Not within an allocation. Until then stacks through code that
/// was loaded since end there.
pub(crate) fn refresh() -> bool {
    GENERATION.load(Ordering::Relaxed) != 0 && look(false)
}

fn look(is_first: bool) -> bool {
    let Some(mut books) = BOOKS.try_lock() else { return false };
    let changes = modules::changes();
    if !is_first && changes == books.changes {
        return false;
    }
    // The program itself stays in any case.
    let staying = FIRST_COUNT.load(Ordering::Relaxed).max(1);
    let (known, is_less) = modules::known_now(core::mem::take(&mut books.known), staying);
    let mut generation = books.generation;
    if is_first || is_less {
        generation += 1;
        if generation > GENERATION_MAX {
            generation = 1;
        }
        // Nothing is left of when this generation was last in force.
        if books.generation >= GENERATION_MAX {
            RULES.clear();
        }
    }
    let mut whole = unwinder::Unwinder::default();
    for module in &known {
        framehop::Unwinder::add_module(&mut whole, module.unwound.clone());
    }
    let code: Vec<_> = known.iter().map(|module| module.code.clone()).collect();
    unwinder::replace(|| Seat::new(whole.clone(), code.clone(), generation));
    *books = Books { known, changes, generation };
    GENERATION.store(generation, Ordering::Release);
    true
}

/// What stacks are captured by, for a log.
pub(crate) fn engine() -> Engine {
    if GENERATION.load(Ordering::Relaxed) == 0 {
        return Engine::None;
    }
    let here = registers::here();
    if unwinder::keeps_frame_pointers(here.code) { Engine::FramePointers } else { Engine::Tables }
}

fn is_possible() -> bool {
    cfg!(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))
}

/// Whether the stack of a function that calls itself is what it must be.
fn passes_self_test() -> bool {
    const DEPTH: usize = 4;
    // Without optimisation everything that is inlined takes 5 KB.
    const CODE_SIZE_MAX: usize = 64 << 10;
    let answer = nested(DEPTH, &|stack| {
        let function = nested as *const () as usize;
        // Outermost first: the innermost are the last.
        let mut caller = 0;
        let mut inner = [0; DEPTH];
        for address in stack.addresses() {
            caller = core::mem::replace(&mut inner[0], address);
            inner.rotate_left(1);
        }
        let is_recursion = inner.iter().all(|address| {
            *address == inner[0] && (function..function + CODE_SIZE_MAX).contains(address)
        });
        Some(u32::from(is_recursion && caller != 0 && caller != inner[0]))
    });
    answer == Some(1)
}

#[inline(never)]
fn nested(depth: usize, then: &dyn Fn(&Stack<'_>) -> Option<u32>) -> Option<u32> {
    let answer = if depth == 0 {
        stack(None, 0, STACK_DEPTH_MAX, Bounds::of_thread(), then)
    } else {
        nested(depth - 1, then)
    };
    // Not a tail call.
    core::hint::black_box(answer)
}
