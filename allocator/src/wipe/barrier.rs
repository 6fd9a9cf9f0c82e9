//! What keeps the optimiser from undoing an overwrite.

/// Makes the compiler believe that somebody reads the memory. Without it LLVM
/// removes an overwrite that is followed by a release: at opt-level 3 the pair
/// becomes a bare jump to `free`, which no test inside the process notices.
#[inline]
pub(crate) fn keep(start: *mut u8) {
    // What the attack's control leaves out.
    if cfg!(scrubjay_without_barrier) {
        return;
    }
    #[cfg(all(
        not(miri),
        any(
            target_arch = "x86",
            target_arch = "x86_64",
            target_arch = "arm",
            target_arch = "aarch64",
            target_arch = "riscv32",
            target_arch = "riscv64",
            target_arch = "loongarch64",
            target_arch = "s390x"
        )
    ))]
    // SAFETY: no instruction is emitted.
    unsafe {
        core::arch::asm!("/* {0} */", in(reg) start, options(nostack, preserves_flags));
    }
    // Where there is no such assembly: what goes through it may be read, as far
    // as the compiler knows.
    #[cfg(any(
        miri,
        not(any(
            target_arch = "x86",
            target_arch = "x86_64",
            target_arch = "arm",
            target_arch = "aarch64",
            target_arch = "riscv32",
            target_arch = "riscv64",
            target_arch = "loongarch64",
            target_arch = "s390x"
        ))
    ))]
    core::hint::black_box(start);
}
