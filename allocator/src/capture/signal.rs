//! The frame that the kernel makes for a signal's handler.

use super::memory::Memory;
use super::registers::Registers;

/// What was interrupted, of which the kernel keeps the registers at the stack
/// pointer that the handler returns to.
#[cfg(target_arch = "x86_64")]
pub(super) fn interrupted(registers: Registers, memory: &mut impl Memory) -> Option<Registers> {
    use core::mem::offset_of;
    let start = registers.stack + offset_of!(libc::ucontext_t, uc_mcontext);
    let mut word = |register: i32| {
        let address = start + register as usize * size_of::<usize>();
        if !memory.holds(registers.stack, address + size_of::<usize>(), 0) {
            return None;
        }
        // SAFETY: asked just now.
        unsafe { memory.read(address) }
    };
    let code = word(libc::REG_RIP)?;
    let stack = word(libc::REG_RSP)?;
    let frame = word(libc::REG_RBP)?;
    memory.may_go_on(registers.stack, stack).then_some(Registers { code, stack, frame })
}

/// Not known here, so the way ends.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn interrupted(_: Registers, _: &mut impl Memory) -> Option<Registers> {
    None
}

/// Whether the code is what a handler returns to: a call of `rt_sigreturn`.
pub(super) fn is_return(code: &[u8]) -> bool {
    // mov rax, 15; syscall
    const RETURN: &[u8] = &[0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05];
    cfg!(target_arch = "x86_64") && code.starts_with(RETURN)
}
