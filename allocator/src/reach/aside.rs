//! Running on a stack of one's own, so that none of one's frames stands in the
//! memory that is searched.
//!
//! A process apart, as the search for residue has, would be another process to
//! the kernel: its list of threads would be another one.

use core::arch::naked_asm;
use core::ffi::c_void;

use crate::limits::REACH_STACK_SIZE;
use crate::os;

/// A stack, with a page below it that nobody may touch.
struct Stack {
    start: *mut u8,
    size: usize,
}

impl Stack {
    fn new() -> Option<Self> {
        let page_size = os::page_size();
        let size = page_size + REACH_STACK_SIZE;
        let start = os::reserve(size);
        if start.is_null() {
            return None;
        }
        let stack = Self { start, size };
        os::note_own(start, size);
        // SAFETY: the range was just reserved, and nothing refers to it.
        let mapped =
            unsafe { os::map_over(start.wrapping_add(page_size), size - page_size, None, 0) };
        mapped.then_some(stack)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        os::unmap(self.start, self.size);
    }
}

/// What is to be done, and what came of it.
struct Task<F, T> {
    act: Option<F>,
    answer: Option<T>,
}

/// Runs `act` on a stack of its own. It is told where the calling thread's own
/// stack ends meanwhile: everything that is in use stands there or above it,
/// the registers that a function must preserve among it. `None` where there is
/// no memory.
///
/// A panic in there aborts.
#[inline(never)]
pub(super) fn run<T, F: FnOnce(usize) -> T>(act: F) -> Option<T> {
    let stack = Stack::new()?;
    let mut task = Task { act: Some(act), answer: None };
    let top = stack.start.wrapping_add(stack.size);
    // SAFETY: the stack is large enough, this call's alone, and ends at a page;
    // the function gets the task that it is made for.
    unsafe { switch((&raw mut task).cast(), start::<T, F>, top) };
    task.answer
}

extern "C" fn start<T, F: FnOnce(usize) -> T>(task: *mut c_void, stack: usize) {
    // SAFETY: `run` hands its task, and waits.
    let task = unsafe { &mut *task.cast::<Task<F, T>>() };
    task.answer = task.act.take().map(|act| act(stack));
}

/// Puts the registers that a function must preserve on the stack, and calls
/// `main` on another one, with the argument and the first one's end.
///
/// # Safety
/// `top` is a multiple of 16, with room below it that is nobody's; `main` may
/// have the argument, and returns.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn switch(
    argument: *mut c_void,
    main: extern "C" fn(*mut c_void, usize),
    top: *mut u8,
) {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov rax, rsi",
        "mov rsi, rsp",
        "mov rsp, rdx",
        "call rax",
        "lea rsp, [rbp - 40]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// As on x86_64.
///
/// # Safety
/// As on x86_64.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn switch(
    argument: *mut c_void,
    main: extern "C" fn(*mut c_void, usize),
    top: *mut u8,
) {
    naked_asm!(
        "stp x29, x30, [sp, #-160]!",
        "mov x29, sp",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        "mov x9, x1",
        "mov x1, sp",
        "mov sp, x2",
        "blr x9",
        "mov sp, x29",
        "ldp d14, d15, [sp, #144]",
        "ldp d12, d13, [sp, #128]",
        "ldp d10, d11, [sp, #112]",
        "ldp d8, d9, [sp, #96]",
        "ldp x27, x28, [sp, #80]",
        "ldp x25, x26, [sp, #64]",
        "ldp x23, x24, [sp, #48]",
        "ldp x21, x22, [sp, #32]",
        "ldp x19, x20, [sp, #16]",
        "ldp x29, x30, [sp], #160",
        "ret",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frames_of_what_runs_aside_stand_on_another_stack() {
        let here = 0_u8;
        let floats = [1.5_f64, -2.25, 1e300];
        let answer = run(|stack| {
            let inside = 0_u8;
            (stack, (&raw const inside).addr(), floats.iter().sum::<f64>())
        });
        let (stack, inside, sum) = answer.unwrap();
        let here = (&raw const here).addr();
        assert!(stack < here && here - stack < 64 << 10);
        assert!(inside.abs_diff(here) > REACH_STACK_SIZE);
        assert_eq!(sum, floats.iter().sum::<f64>());
    }
}
