//! What the kernel keeps of a thread that a signal interrupted: where its stack
//! ends, and its registers.

use core::mem::offset_of;
use core::ops::Range;

/// What a thread may have written to below its stack pointer, bytes.
pub(super) const RED_ZONE: usize = if cfg!(target_arch = "x86_64") { 128 } else { 0 };

/// How many ranges of memory hold registers.
const RANGES_MAX: usize = 4;

/// A thread as it was interrupted.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupted {
    /// Its stack pointer.
    pub(super) stack: usize,
    /// Its stack for signals; empty for none.
    pub(super) signal_stack: Range<usize>,
    /// Where its registers stand; empty where there is nothing more.
    pub(super) registers: [Range<usize>; RANGES_MAX],
}

/// Reads what stands in a signal's frame.
///
/// # Safety
/// The address is that of the context that the kernel handed to a handler which
/// has not returned.
pub(super) unsafe fn read(context: usize) -> Interrupted {
    let mut interrupted = Interrupted::default();
    let start = context + offset_of!(libc::ucontext_t, uc_stack);
    let stack = core::ptr::with_exposed_provenance::<libc::stack_t>(start);
    // SAFETY: the caller promises a context.
    let stack = unsafe { stack.read() };
    if stack.ss_flags & libc::SS_DISABLE == 0 {
        let start = stack.ss_sp.addr();
        interrupted.signal_stack = start..start + stack.ss_size;
    }
    // SAFETY: the caller's promise is handed on.
    unsafe { registers(context + offset_of!(libc::ucontext_t, uc_mcontext), &mut interrupted) };
    interrupted
}

/// A word of what the kernel wrote.
///
/// # Safety
/// There is one.
unsafe fn word<T>(address: usize) -> T {
    // SAFETY: the caller promises it.
    unsafe { core::ptr::with_exposed_provenance::<T>(address).read_unaligned() }
}

/// # Safety
/// `start` is where a context has the registers.
#[cfg(target_arch = "x86_64")]
unsafe fn registers(start: usize, interrupted: &mut Interrupted) {
    /// r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp. Behind them stands the
    /// address of the thread's last fault, which nobody holds.
    const GENERAL: usize = 16 * 8;
    const STACK_POINTER: usize = libc::REG_RSP as usize * 8;
    /// The pointer to the rest.
    const REST: usize = 23 * 8;
    // SAFETY: so the kernel lays a context out.
    interrupted.stack = unsafe { word(start + STACK_POINTER) };
    interrupted.registers[0] = start..start + GENERAL;
    // SAFETY: as above.
    let rest: usize = unsafe { word(start + REST) };
    if rest == 0 {
        return;
    }
    // x87 and SSE, but for the addresses of the last x87 instruction and of what
    // it worked on.
    interrupted.registers[1] = rest + 32..rest + 416;
    const MAGIC_AT: usize = 464;
    const MAGIC: u32 = 0x4650_5853;
    const SIZE_AT: usize = MAGIC_AT + 16;
    const EXTENDED_AT: usize = 576;
    /// More than any processor has: AMX takes 8 KiB.
    const SIZE_MAX: usize = 64 << 10;
    // SAFETY: the area has 512 bytes at least.
    let magic: u32 = unsafe { word(rest + MAGIC_AT) };
    // SAFETY: as above.
    let size: u32 = unsafe { word(rest + SIZE_AT) };
    let size = size as usize;
    if magic == MAGIC && (EXTENDED_AT..SIZE_MAX).contains(&size) {
        interrupted.registers[2] = rest + EXTENDED_AT..rest + size;
    }
}

/// # Safety
/// `start` is where a context has the registers.
#[cfg(target_arch = "aarch64")]
unsafe fn registers(start: usize, interrupted: &mut Interrupted) {
    /// Behind the address of the thread's last fault: x0 to x30, and sp.
    const GENERAL_AT: usize = 8;
    const STACK_POINTER_AT: usize = GENERAL_AT + 31 * 8;
    const RECORDS_AT: usize = 288;
    const RECORDS_SIZE: usize = 4096;
    /// Where there is more than fits: the address and size of the rest.
    const EXTRA: u32 = 0x4558_5401;
    const HEADER_SIZE: usize = 8;
    // SAFETY: so the kernel lays a context out.
    interrupted.stack = unsafe { word(start + STACK_POINTER_AT) };
    interrupted.registers[0] = start + GENERAL_AT..start + STACK_POINTER_AT + 8;
    let records = start + RECORDS_AT;
    let mut at = records;
    while at + HEADER_SIZE <= records + RECORDS_SIZE {
        // SAFETY: records stand one behind the other up to one of zeros.
        let [magic, size]: [u32; 2] = unsafe { word(at) };
        let end = at + size as usize;
        if magic == 0 || (size as usize) < HEADER_SIZE || end > records + RECORDS_SIZE {
            break;
        }
        if magic == EXTRA {
            // SAFETY: this record has an address and a size.
            let [data, size]: [usize; 2] = unsafe { word(at + HEADER_SIZE) };
            interrupted.registers[2] = data..data + (size as u32) as usize;
        }
        at = end;
    }
    interrupted.registers[1] = records..at;
}
