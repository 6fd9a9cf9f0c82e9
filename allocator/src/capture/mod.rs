//! Stacks: who called, as return addresses, without allocating, waiting or
//! asking the system.
//!
//! How to get from a frame to its caller is known by code address (`rules`),
//! for all threads; what is not known yet is asked of the unwinder, once. Code
//! that keeps frame pointers so costs a look at a word a frame, and any other
//! an addition more; and what an address says is true of this very code,
//! whatever the code beside it was compiled with.

mod bounds;
mod foreign;
mod frames;
mod loaded;
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
pub(crate) use frames::{End, Frames};
pub(crate) use loaded::{Module, each_module};

use modules::Known;
use registers::Registers;
use rules::{GENERATION_MAX, Rules};
use unwinder::Seat;

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

/// Captures the calling thread's stack, at most `depth` frames of it, and
/// answers a hash of them. The first frame is whoever called the function that
/// this is inlined into.
#[inline(always)]
pub(crate) fn stack(frames: &mut Frames, depth: usize, bounds: Bounds) -> u64 {
    let registers = registers::here();
    // SAFETY: these are the registers right here.
    unsafe { stack_from(frames, depth, bounds, registers) }
}

/// # Safety
/// The registers are those of a function that has not returned.
#[inline(never)]
unsafe fn stack_from(
    frames: &mut Frames,
    depth: usize,
    bounds: Bounds,
    registers: Registers,
) -> u64 {
    let generation = GENERATION.load(Ordering::Relaxed);
    if generation == 0 {
        // SAFETY: no frame is no frame.
        unsafe { frames.finish(0, End::Lost) };
        return 0;
    }
    let hash = match bounds.end_above(registers.stack) {
        Some(end) => {
            let mut memory = walk::Own::new(end);
            // SAFETY: the caller's promise, and the stack pointer is within.
            unsafe { walk::walk(frames, depth, registers, generation, &mut memory) }
        }
        // SAFETY: the caller's promise.
        None => unsafe { stack_elsewhere(frames, depth, registers, generation) },
    };
    if frames.end() == End::Busy {
        BUSY_COUNT.fetch_add(1, Ordering::Relaxed);
    }
    hash
}

/// # Safety
/// As of [`stack_from`].
#[cold]
#[inline(never)]
unsafe fn stack_elsewhere(
    frames: &mut Frames,
    depth: usize,
    registers: Registers,
    generation: u32,
) -> u64 {
    let Some(mut memory) = foreign::Foreign::at(registers.stack) else {
        // SAFETY: no frame is no frame.
        unsafe { frames.finish(0, End::Busy) };
        return 0;
    };
    // SAFETY: the caller's promise; this memory can be asked for any address.
    unsafe { walk::walk(frames, depth, registers, generation, &mut memory) }
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
    let mut frames = Frames::new();
    nested(&mut frames, DEPTH);
    let addresses = frames.addresses();
    let recursion = addresses.get(..DEPTH);
    let is_recursion = recursion.is_some_and(|inner| {
        let function = nested as *const () as usize;
        inner.iter().all(|address| Some(address) == inner.first())
            && inner.first().is_some_and(|address| (function..function + 4096).contains(address))
    });
    let caller = addresses.get(DEPTH);
    is_recursion && caller.is_some() && caller != addresses.first()
}

#[inline(never)]
fn nested(frames: &mut Frames, depth: usize) -> u64 {
    let hash = if depth == 0 {
        stack(frames, crate::limits::STACK_DEPTH_MAX, Bounds::of_thread())
    } else {
        nested(frames, depth - 1)
    };
    // Not a tail call.
    core::hint::black_box(hash)
}
