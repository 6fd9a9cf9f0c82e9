//! Stacks that are not the thread's own, and code that keeps no frame pointer
//! or tells nothing of its frames.

use std::arch::global_asm;
use std::cell::Cell;
use std::mem;
use std::ptr;

use super::corpus::recursive;
use super::looks::{Looks, allocate};
use crate::capture::End;

/// Compares the stacks of a scenario, which end in this way where they are not
/// whole.
fn agrees(end: End, least: usize, scenario: impl FnOnce(&Looks)) {
    let looks = Looks::new();
    scenario(&looks);
    let taken = looks.take();
    assert!(!taken.is_empty());
    for look in &taken {
        assert!(look.end == end || look.end == End::Whole, "{look:x?}");
        assert_eq!(look.ours, look.reference(), "{look:x?}");
    }
    let most = taken.iter().map(|look| look.user_frame_count()).max();
    assert!(most >= Some(least), "{most:?} of {least} functions");
}

thread_local! {
    static ACT: Cell<Option<fn()>> = const { Cell::new(None) };
}

extern "C" fn act_in_c() {
    if let Some(act) = ACT.get() {
        act();
    }
}

extern "C" fn on_signal(_: i32) {
    act_in_c();
}

fn in_some_frames() {
    recursive(3, &allocate);
}

#[cfg(target_env = "gnu")]
fn in_many_frames() {
    recursive(200, &allocate);
}

#[cfg(target_env = "gnu")]
fn on_coroutine(act: fn(), size: usize) {
    ACT.set(Some(act));
    let mut memory = vec![0_u8; size];
    // SAFETY: zeros may be overwritten.
    let mut back: libc::ucontext_t = unsafe { mem::zeroed() };
    // SAFETY: as above.
    let mut there: libc::ucontext_t = unsafe { mem::zeroed() };
    // SAFETY: the place is writable.
    assert_eq!(unsafe { libc::getcontext(&mut there) }, 0);
    there.uc_stack.ss_sp = memory.as_mut_ptr().cast();
    there.uc_stack.ss_size = size;
    there.uc_link = &raw mut back;
    // SAFETY: the context was got just now and has a stack; the function takes
    // no arguments.
    unsafe { libc::makecontext(&mut there, act_in_c, 0) };
    // SAFETY: both contexts live until the coroutine has come back.
    assert_eq!(unsafe { libc::swapcontext(&mut back, &there) }, 0);
}

#[test]
#[cfg(target_env = "gnu")]
fn a_coroutine() {
    let large = || on_coroutine(in_many_frames, 1 << 20);
    // No table tells of what calls a coroutine's function.
    agrees(End::Lost, 5, |looks| looks.during(|| on_coroutine(in_some_frames, 256 << 10)));
    agrees(End::Lost, 201, |looks| looks.during(large));
}

#[test]
#[cfg(target_env = "gnu")]
fn a_coroutine_of_a_thread() {
    std::thread::spawn(|| {
        // Its first look is on the coroutine.
        agrees(End::Lost, 5, |looks| looks.during(|| on_coroutine(in_some_frames, 256 << 10)));
        agrees(End::Whole, 5, |looks| looks.during(in_some_frames));
    })
    .join()
    .unwrap();
}

fn raise(act: fn(), flags: i32) {
    ACT.set(Some(act));
    // SAFETY: zeros are a valid sigaction.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = on_signal as extern "C" fn(i32) as usize;
    action.sa_flags = flags;
    // SAFETY: the handler does nothing that the signal could interrupt: it is
    // raised below.
    assert_eq!(unsafe { libc::sigaction(libc::SIGUSR2, &action, ptr::null_mut()) }, 0);
    // SAFETY: there is a handler.
    unsafe { libc::raise(libc::SIGUSR2) };
}

fn on_signal_stack(act: fn(), size: usize) {
    let mut memory = vec![0_u8; size];
    let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: size };
    // SAFETY: zeros are a valid stack_t.
    let mut before: libc::stack_t = unsafe { mem::zeroed() };
    // SAFETY: the memory lives until it is given up below.
    assert_eq!(unsafe { libc::sigaltstack(&stack, &mut before) }, 0);
    raise(act, libc::SA_ONSTACK);
    // SAFETY: what was set before is valid still.
    assert_eq!(unsafe { libc::sigaltstack(&before, ptr::null_mut()) }, 0);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_signals_handler() {
    agrees(End::Whole, 9, |looks| looks.during(|| raise(in_some_frames, 0)));
    agrees(End::Whole, 9, |looks| looks.during(|| on_signal_stack(in_some_frames, 256 << 10)));
}

#[cfg(target_arch = "x86_64")]
global_asm!(
    // scrubjay_test_switch(stack_end, function): calls on another stack.
    ".globl scrubjay_test_switch",
    ".type scrubjay_test_switch, @function",
    "scrubjay_test_switch:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "mov rsp, rdi",
    "call rsi",
    "mov rsp, rbp",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".size scrubjay_test_switch, . - scrubjay_test_switch",
    // scrubjay_test_busy(function): has something else in the frame pointer.
    ".globl scrubjay_test_busy",
    ".type scrubjay_test_busy, @function",
    "scrubjay_test_busy:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "sub rsp, 48",
    ".cfi_def_cfa_offset 64",
    "lea rbp, [rsp + 8]",
    "call rdi",
    "add rsp, 48",
    ".cfi_def_cfa_offset 16",
    "pop rbp",
    ".cfi_def_cfa_offset 8",
    "ret",
    ".cfi_endproc",
    ".size scrubjay_test_busy, . - scrubjay_test_busy",
    // scrubjay_test_silent(function): the same, and no table tells of it.
    ".globl scrubjay_test_silent",
    ".type scrubjay_test_silent, @function",
    "scrubjay_test_silent:",
    "push rbp",
    "sub rsp, 48",
    "lea rbp, [rsp + 8]",
    "call rdi",
    "add rsp, 48",
    "pop rbp",
    "ret",
    ".size scrubjay_test_silent, . - scrubjay_test_silent",
    // scrubjay_test_odd(function): its table names a register that no walk knows,
    // and its frame pointer points at what looks like a frame.
    ".globl scrubjay_test_odd",
    ".type scrubjay_test_odd, @function",
    "scrubjay_test_odd:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "push rbx",
    ".cfi_def_cfa_offset 24",
    ".cfi_offset rbx, -24",
    "mov rbx, rsp",
    ".cfi_def_cfa rbx, 24",
    "and rsp, -64",
    "sub rsp, 64",
    "lea rax, [rip + scrubjay_test_busy + 16]",
    "mov [rsp + 16], rax",
    "lea rbp, [rsp + 8]",
    "call rdi",
    "mov rsp, rbx",
    ".cfi_def_cfa rsp, 24",
    "pop rbx",
    ".cfi_def_cfa_offset 16",
    "pop rbp",
    ".cfi_def_cfa_offset 8",
    "ret",
    ".cfi_endproc",
    ".size scrubjay_test_odd, . - scrubjay_test_odd",
);

#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    fn scrubjay_test_switch(stack_end: *mut u8, function: extern "C" fn());
    fn scrubjay_test_busy(function: extern "C" fn());
    fn scrubjay_test_silent(function: extern "C" fn());
    fn scrubjay_test_odd(function: extern "C" fn());
}

#[test]
#[cfg(target_arch = "x86_64")]
fn another_stack_leads_back_to_ones_own() {
    agrees(End::Whole, 10, |looks| {
        ACT.set(Some(in_some_frames));
        let mut memory = vec![0_u128; 16 << 10];
        let end = memory.as_mut_ptr_range().end;
        // SAFETY: the memory has room for the function, which comes back.
        looks.during(|| recursive(3, &|| unsafe { scrubjay_test_switch(end.cast(), act_in_c) }));
    });
}

#[test]
#[cfg(target_arch = "x86_64")]
fn code_without_a_frame_pointer_among_code_with_one() {
    agrees(End::Whole, 10, |looks| {
        ACT.set(Some(in_some_frames));
        // SAFETY: the function comes back.
        looks.during(|| recursive(3, &|| unsafe { scrubjay_test_busy(act_in_c) }));
    });
}

/// Looks at stacks through code that cannot be followed: they end there, and say
/// so.
#[cfg(target_arch = "x86_64")]
fn ends_at(function: unsafe extern "C" fn(extern "C" fn())) {
    let looks = Looks::new();
    ACT.set(Some(in_some_frames));
    // SAFETY: the function comes back.
    looks.during(|| recursive(3, &|| unsafe { function(act_in_c) }));
    let taken = looks.take();
    assert!(!taken.is_empty());
    for look in taken {
        assert_eq!(look.end, End::Lost);
        assert!(look.ours.len() > 4, "{look:x?}");
        assert!(look.reference().starts_with(&look.ours), "{look:x?}");
        let start = function as *const () as usize;
        assert!((start..start + 64).contains(look.ours.last().unwrap()), "{look:x?}");
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn code_that_tells_nothing_of_its_frame() {
    ends_at(scrubjay_test_silent);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn code_whose_frame_cannot_be_followed() {
    ends_at(scrubjay_test_odd);
}
