//! Overwriting the stack below a caller, where functions that returned have left
//! what they worked on.

use crate::{os, touched};

/// How far below the stack pointer the kernel is sure to let a thread write, and
/// what is surely there: the way out where it does not tell which pages are.
const SURE: usize = 64 << 10;

/// Overwrites the calling thread's stack below the caller, at most `bytes` of
/// it, and answers how many that was.
///
/// Call it after the work on a secret, from the function that called for the
/// work, not from the one that did it: locals of a function that has not returned
/// stand above. The stack is never left: at its end, or where no page was ever
/// touched, it stops, so a generous number costs little (`usize::MAX` is all).
/// Some microseconds, on a program's first thread some tens.
///
/// ```
/// let answer = std::thread::spawn(|| {
///     let answer = 6 * 7; // work that leaves copies in frames that are gone
///     scrubjay::scrub_stack(64 << 10);
///     answer
/// });
/// assert_eq!(answer.join().unwrap(), 42);
/// ```
///
/// # What it does not reach
///
/// - Frames of functions that have not returned, and so what they keep in them;
///   other threads' stacks, ended ones' included, which the C library keeps.
/// - Registers; what a signal handler leaves that interrupts the overwriting.
/// - Stacks that are not the thread's own (coroutines, `makecontext`): their
///   limits are not known, so nothing is done and the answer is 0. On a signal
///   stack made known by `sigaltstack` it stays within that one.
// Part of the caller, which is to have no frame of ours below it: the gaps in one
// would keep what stood there.
#[inline(always)]
pub fn scrub_stack(bytes: usize) -> usize {
    match lowest_to_overwrite(bytes, stack_pointer()) {
        // No closure: without optimisation it has a frame.
        Some(limit) => overwrite_below(limit),
        None => 0,
    }
}

/// Where overwriting begins. The frames of this call lie in what is overwritten.
#[inline(never)]
fn lowest_to_overwrite(bytes: usize, here: usize) -> Option<usize> {
    let limit = os::stack_limit(here)?;
    lowest_touched(limit.max(here.saturating_sub(bytes)), here)
}

/// The lowest address from `limit` to `here` whose page holds something.
fn lowest_touched(limit: usize, here: usize) -> Option<usize> {
    let size = here.checked_sub(limit)?;
    if size <= os::page_size() {
        return Some(limit);
    }
    let mut lowest = size;
    let told = touched::each(limit, size, |offset, _| lowest = lowest.min(offset));
    // Without an answer the kernel would be taken at its word for all of it,
    // and make pages of a main thread's stack that never were.
    if told { Some(limit + lowest) } else { Some(limit.max(here.saturating_sub(SURE))) }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: one register is read.
    unsafe {
        core::arch::asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

/// Overwrites from `limit` up to the stack pointer. No call: its frame would
/// stand in what is overwritten. Without the option `nostack` the compiler
/// keeps nothing of its own below the pointer.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn overwrite_below(limit: usize) -> usize {
    let (size, end): (usize, usize);
    // SAFETY: os::stack_limit() said that the range is this thread's stack, and
    // nothing that lives stands below the pointer.
    unsafe {
        core::arch::asm!(
            "mov {size}, rsp",
            "sub {size}, {limit}",
            "jbe 2f",
            "mov rcx, {size}",
            "rep stosb",
            "jmp 3f",
            "2:",
            "xor {size}, {size}",
            "3:",
            limit = in(reg) limit,
            size = out(reg) size,
            out("rcx") _,
            inout("rdi") limit => end,
            in("al") 0_u8,
        );
    }
    let _ = end;
    size
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
#[inline(always)]
fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: one register is read.
    unsafe {
        core::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

/// As on x86_64; from an address that is a multiple of 16, as the pointer is.
#[cfg(all(target_arch = "aarch64", not(miri)))]
#[inline(always)]
fn overwrite_below(limit: usize) -> usize {
    let size: usize;
    // SAFETY: as on x86_64.
    unsafe {
        core::arch::asm!(
            "mov {end}, sp",
            "subs {size}, {end}, {place}",
            "b.hi 2f",
            "mov {size}, xzr",
            "b 3f",
            "2:",
            "stp xzr, xzr, [{place}], #16",
            "cmp {place}, {end}",
            "b.lo 2b",
            "3:",
            place = inout(reg) limit.next_multiple_of(16) => _,
            end = out(reg) _,
            size = out(reg) size,
        );
    }
    size
}

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn stack_pointer() -> usize {
    0
}

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn overwrite_below(_: usize) -> usize {
    0
}
