//! Where the calling code stands.

/// What a walk up a stack begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Registers {
    pub(super) code: usize,
    pub(super) stack: usize,
    pub(super) frame: usize,
}

/// The registers in the middle of the function that this is inlined into.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn here() -> Registers {
    let (code, stack, frame): (usize, usize, usize);
    // SAFETY: registers are read.
    unsafe {
        core::arch::asm!(
            "lea {code}, [rip]",
            "mov {stack}, rsp",
            "mov {frame}, rbp",
            code = out(reg) code,
            stack = out(reg) stack,
            frame = out(reg) frame,
            options(nomem, nostack, preserves_flags),
        );
    }
    Registers { code, stack, frame }
}

/// The registers in the middle of the function that this is inlined into.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub(super) fn here() -> Registers {
    let (code, stack, frame): (usize, usize, usize);
    // SAFETY: registers are read.
    unsafe {
        core::arch::asm!(
            "adr {code}, .",
            "mov {stack}, sp",
            "mov {frame}, x29",
            code = out(reg) code,
            stack = out(reg) stack,
            frame = out(reg) frame,
            options(nomem, nostack, preserves_flags),
        );
    }
    Registers { code, stack, frame }
}

/// A code address as it was before pointer authentication signed it.
#[inline(always)]
pub(super) fn unsigned(address: usize) -> usize {
    if cfg!(target_arch = "aarch64") { address & ((1 << 48) - 1) } else { address }
}
