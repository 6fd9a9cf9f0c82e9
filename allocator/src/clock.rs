//! Ticks: the cheapest monotonic clock that the machine has.
//!
//! A reader turns ticks into time by the pairs that the log carries, so
//! nothing is calibrated here.

use core::num::NonZeroUsize;

use once_cell::race::OnceNonZeroUsize;
use scrubjay_log_format::ClockKind;

use crate::os;

/// The clock, decided once: 1 monotonic, 2 counter.
static KIND: OnceNonZeroUsize = OnceNonZeroUsize::new();

/// What a tick is in this process.
pub(crate) fn kind() -> ClockKind {
    let decided = KIND.get_or_init(|| match decide() {
        ClockKind::Monotonic => NonZeroUsize::MIN,
        ClockKind::Counter => NonZeroUsize::MIN.saturating_add(1),
    });
    if decided.get() == 1 { ClockKind::Monotonic } else { ClockKind::Counter }
}

/// Now, in ticks. Costs 4 to 15 ns by the counter, about 23 ns without.
#[inline]
pub(crate) fn ticks() -> u64 {
    match kind() {
        ClockKind::Counter => counter(),
        ClockKind::Monotonic => os::monotonic_ns(),
    }
}

/// The moment from which the clock's rate is known, in ticks and nanoseconds:
/// that of the first call.
#[cfg(feature = "leak-check")]
pub(crate) fn begin() -> (u64, u64) {
    use core::sync::atomic::{AtomicU64, Ordering};
    static TICKS: AtomicU64 = AtomicU64::new(0);
    static NANOSECONDS: AtomicU64 = AtomicU64::new(0);
    if TICKS.load(Ordering::Acquire) == 0 {
        NANOSECONDS.store(os::monotonic_ns(), Ordering::Relaxed);
        TICKS.store(ticks(), Ordering::Release);
    }
    (TICKS.load(Ordering::Acquire), NANOSECONDS.load(Ordering::Relaxed))
}

/// How long ago a moment was, given in ticks. Right within 1 % a
/// while after [`begin`].
#[cfg(feature = "leak-check")]
pub(crate) fn since(moment: u64) -> core::time::Duration {
    let (first_ticks, first_ns) = begin();
    let (now_ticks, now_ns) = (ticks(), os::monotonic_ns());
    let rate = (now_ns - first_ns) as f64 / (now_ticks - first_ticks).max(1) as f64;
    core::time::Duration::from_nanos((now_ticks.saturating_sub(moment) as f64 * rate) as u64)
}

/// What the processor says of itself.
#[cfg(target_arch = "x86_64")]
#[allow(unused_unsafe, reason = "Rust 1.93 has it unsafe")]
fn cpuid(leaf: u32) -> core::arch::x86_64::CpuidResult {
    // SAFETY: every processor with this instruction set has the instruction.
    unsafe { core::arch::x86_64::__cpuid(leaf) }
}

/// The counter is only taken where it is invariant and the kernel trusts it
/// itself: it may stop, or differ between sockets, elsewhere.
#[cfg(target_arch = "x86_64")]
fn decide() -> ClockKind {
    const INVARIANT: u32 = 1 << 8;
    let invariant =
        cpuid(0x8000_0000).eax >= 0x8000_0007 && cpuid(0x8000_0007).edx & INVARIANT != 0;
    let mut buffer = [0; 16];
    let source = os::read_file(
        c"/sys/devices/system/clocksource/clocksource0/current_clocksource",
        &mut buffer,
    );
    if invariant && source == Some(b"tsc\n") { ClockKind::Counter } else { ClockKind::Monotonic }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // SAFETY: every x86_64 has the instruction; decide() found that the kernel
    // lets user space read it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// On aarch64 the generic timer is what `CLOCK_MONOTONIC` reads, too coarse
/// (tens of ns) to order events by it alone, and no cheaper.
#[cfg(not(target_arch = "x86_64"))]
fn decide() -> ClockKind {
    ClockKind::Monotonic
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn counter() -> u64 {
    os::monotonic_ns()
}
