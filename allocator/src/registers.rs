//! Clearing of vector registers, where somebody asks for it: what copied a
//! secret, memcpy or an unrolled loop, leaves its last pieces in them.
//!
//! Reached are the vector registers that a function may change, of the calling
//! thread, as they are at this moment. Not reached: general registers, which
//! the code around uses itself; other threads' registers; copies that the
//! kernel or a signal handler's frame took of them; values that the program
//! still needs, since the compiler keeps those on its stack across a call. On
//! aarch64 the lower halves of v8 to v15 belong to the caller and stay.

use core::sync::atomic::{AtomicU8, Ordering};

/// How to clear them; decided once.
static WAY: AtomicU8 = AtomicU8::new(OFF);
const OFF: u8 = 0;
const BASE: u8 = 1;
#[cfg(all(target_arch = "x86_64", not(miri)))]
const AVX: u8 = 2;
#[cfg(all(target_arch = "x86_64", not(miri)))]
const AVX512: u8 = 3;

/// Has [`clear`] do something from now on.
pub(crate) fn switch_on() {
    WAY.store(best_way(), Ordering::Relaxed);
}

/// Clears them, if that is switched on. 3 ns.
#[inline]
pub(crate) fn clear() {
    let way = WAY.load(Ordering::Relaxed);
    if way != OFF {
        clear_by(way);
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn best_way() -> u8 {
    // Neither allocates: both ask the processor.
    if std::arch::is_x86_feature_detected!("avx512f") {
        AVX512
    } else if std::arch::is_x86_feature_detected!("avx") {
        AVX
    } else {
        BASE
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn best_way() -> u8 {
    BASE
}

#[cold]
#[inline(never)]
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn clear_by(way: u8) {
    match way {
        // SAFETY: best_way() found that the processor has AVX-512.
        AVX512 => unsafe { clear_avx512() },
        // SAFETY: best_way() found that the processor has AVX.
        AVX => unsafe { clear_avx() },
        _ => clear_sse(),
    }
}

/// The upper sixteen, which `vzeroall` leaves alone, and the others.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[target_feature(enable = "avx512f")]
fn clear_avx512() {
    // SAFETY: only registers change that are said to.
    unsafe {
        core::arch::asm!(
            "vzeroall",
            "vpxord zmm16, zmm16, zmm16",
            "vpxord zmm17, zmm17, zmm17",
            "vpxord zmm18, zmm18, zmm18",
            "vpxord zmm19, zmm19, zmm19",
            "vpxord zmm20, zmm20, zmm20",
            "vpxord zmm21, zmm21, zmm21",
            "vpxord zmm22, zmm22, zmm22",
            "vpxord zmm23, zmm23, zmm23",
            "vpxord zmm24, zmm24, zmm24",
            "vpxord zmm25, zmm25, zmm25",
            "vpxord zmm26, zmm26, zmm26",
            "vpxord zmm27, zmm27, zmm27",
            "vpxord zmm28, zmm28, zmm28",
            "vpxord zmm29, zmm29, zmm29",
            "vpxord zmm30, zmm30, zmm30",
            "vpxord zmm31, zmm31, zmm31",
            clobber_abi("sysv64"),
            options(nomem, nostack, preserves_flags),
        );
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[target_feature(enable = "avx")]
fn clear_avx() {
    // SAFETY: only registers change that are said to.
    unsafe {
        core::arch::asm!(
            "vzeroall",
            clobber_abi("sysv64"),
            options(nomem, nostack, preserves_flags),
        );
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn clear_sse() {
    // SAFETY: only registers change that are said to.
    unsafe {
        core::arch::asm!(
            "pxor xmm0, xmm0",
            "pxor xmm1, xmm1",
            "pxor xmm2, xmm2",
            "pxor xmm3, xmm3",
            "pxor xmm4, xmm4",
            "pxor xmm5, xmm5",
            "pxor xmm6, xmm6",
            "pxor xmm7, xmm7",
            "pxor xmm8, xmm8",
            "pxor xmm9, xmm9",
            "pxor xmm10, xmm10",
            "pxor xmm11, xmm11",
            "pxor xmm12, xmm12",
            "pxor xmm13, xmm13",
            "pxor xmm14, xmm14",
            "pxor xmm15, xmm15",
            clobber_abi("sysv64"),
            options(nomem, nostack, preserves_flags),
        );
    }
}

#[cold]
#[inline(never)]
#[cfg(all(target_arch = "aarch64", not(miri)))]
fn clear_by(_: u8) {
    // SAFETY: only registers change that are said to; of v8 to v15 the lower
    // halves are written with what they hold, which blanks the upper ones.
    unsafe {
        core::arch::asm!(
            "movi v0.2d, #0",
            "movi v1.2d, #0",
            "movi v2.2d, #0",
            "movi v3.2d, #0",
            "movi v4.2d, #0",
            "movi v5.2d, #0",
            "movi v6.2d, #0",
            "movi v7.2d, #0",
            "fmov d8, d8",
            "fmov d9, d9",
            "fmov d10, d10",
            "fmov d11, d11",
            "fmov d12, d12",
            "fmov d13, d13",
            "fmov d14, d14",
            "fmov d15, d15",
            "movi v16.2d, #0",
            "movi v17.2d, #0",
            "movi v18.2d, #0",
            "movi v19.2d, #0",
            "movi v20.2d, #0",
            "movi v21.2d, #0",
            "movi v22.2d, #0",
            "movi v23.2d, #0",
            "movi v24.2d, #0",
            "movi v25.2d, #0",
            "movi v26.2d, #0",
            "movi v27.2d, #0",
            "movi v28.2d, #0",
            "movi v29.2d, #0",
            "movi v30.2d, #0",
            "movi v31.2d, #0",
            clobber_abi("C"),
            options(nomem, nostack, preserves_flags),
        );
    }
}

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn clear_by(_: u8) {}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    /// What stands in xmm3, and in xmm12.
    fn registers() -> [u64; 2] {
        let (three, twelve): (u64, u64);
        // SAFETY: two registers are read.
        unsafe {
            core::arch::asm!(
                "movq {0}, xmm3",
                "movq {1}, xmm12",
                out(reg) three,
                out(reg) twelve,
                options(nomem, nostack, preserves_flags),
            );
        }
        [three, twelve]
    }

    #[test]
    fn each_way_that_the_processor_has_clears_them() {
        for way in BASE..=best_way() {
            // SAFETY: the two registers are said to change.
            unsafe {
                core::arch::asm!(
                    "movq xmm3, {0}",
                    "movq xmm12, {0}",
                    in(reg) 0x1234_5678_9abc_def0_u64,
                    out("xmm3") _,
                    out("xmm12") _,
                    options(nomem, nostack, preserves_flags),
                );
            }
            let before = registers();
            clear_by(way);
            assert_eq!(registers(), [0; 2], "way {way}");
            assert_eq!(before, [0x1234_5678_9abc_def0; 2], "the test says nothing");
        }
    }
}
