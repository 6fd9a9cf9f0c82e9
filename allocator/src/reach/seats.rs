//! Where a thread that stands still says so, and the signal's handler in which
//! it stands.

use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::limits::{REACH_HELD_STEP_NS, REACH_HELD_STEPS, REACH_THREADS_MAX};
use crate::os;
use crate::published::Published;

/// A thread that was asked to stand still. Starts as all zeros.
pub(super) struct Seat {
    /// The stop in which it was asked.
    asked: AtomicU32,
    /// The stop in which it stood still.
    stopped: AtomicU32,
    /// The system's id of the thread.
    thread: AtomicU32,
    /// Where the C library keeps what it knows of it.
    block: AtomicUsize,
    /// Where the kernel keeps its registers.
    context: AtomicUsize,
    /// How many handlers are about to write here, or have written.
    inside: AtomicU32,
}

/// A thread that stands still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) thread: u32,
    pub(super) block: usize,
    pub(super) context: usize,
}

/// A hash table of threads. Never unmapped: a handler may look for its seat when
/// the stop is long over.
pub(super) struct Seats([Seat; 2 * REACH_THREADS_MAX]);

static SEATS: Published<Seats> = Published::empty();
/// The number of the stop: odd while there is one. Threads sleep on it.
static STOP: AtomicU32 = AtomicU32::new(0);
/// Counts threads that stand still; whoever asked them sleeps on it.
static ANSWERS: AtomicU32 = AtomicU32::new(0);

/// The seats, made if need be. For whoever has the lock on searches.
pub(super) fn seats() -> Option<&'static Seats> {
    if SEATS.get().is_none() {
        let place: *mut Seats = os::map_private(size_of::<Seats>()).cast();
        // SAFETY: the mapping is fresh and never undone, and zeros are valid for
        // atomics.
        SEATS.set(unsafe { place.as_ref() }?);
    }
    SEATS.get()
}

/// Begins a stop; answers its number.
pub(super) fn begin() -> u32 {
    // In a forked child the parent's may not have ended.
    let stop = (STOP.load(Ordering::Relaxed) + 1) | 1;
    STOP.store(stop, Ordering::SeqCst);
    stop
}

/// Ends the stop.
pub(super) fn end() {
    os::wake_all(&STOP);
}

/// How many threads have answered so far, ever.
pub(super) fn answers() -> u32 {
    ANSWERS.load(Ordering::Acquire)
}

/// Sleeps until there are more answers, or the time is over.
pub(super) fn wait_for_answers(so_far: u32, time_ns: i64) {
    os::wait_while(&ANSWERS, so_far, time_ns);
}

impl Seats {
    /// A seat for a thread that was not asked in this stop yet; `None` if it
    /// was. An error where all are taken.
    pub(super) fn seat_for(&self, thread: u32, stop: u32) -> Result<Option<u32>, ()> {
        let count = self.0.len();
        // Fibonacci hashing (Knuth, TAOCP 3, 6.4).
        let first = thread.wrapping_mul(0x9e37_79b9) as usize % count;
        for step in 0..count {
            let index = (first + step) % count;
            let Some(seat) = self.0.get(index) else { break };
            if seat.asked.load(Ordering::Relaxed) != stop {
                // A handler of an earlier stop may not have left yet: nobody's
                // seat this time. One that comes later finds its stop over.
                let is_free = seat.inside.load(Ordering::SeqCst) == 0;
                seat.thread.store(if is_free { thread } else { 0 }, Ordering::Relaxed);
                seat.asked.store(stop, Ordering::Release);
                if is_free {
                    return Ok(Some(index as u32));
                }
                continue;
            }
            if seat.thread.load(Ordering::Relaxed) == thread {
                return Ok(None);
            }
        }
        Err(())
    }

    /// The system's id of a seat's thread.
    pub(super) fn thread(&self, seat: u32) -> u32 {
        self.0.get(seat as usize).map_or(0, |seat| seat.thread.load(Ordering::Relaxed))
    }

    /// What a seat's thread said when it stood still in this stop.
    pub(super) fn standing(&self, seat: u32, stop: u32) -> Option<Standing> {
        let seat = self.0.get(seat as usize)?;
        (seat.stopped.load(Ordering::Acquire) == stop).then(|| Standing {
            thread: seat.thread.load(Ordering::Relaxed),
            block: seat.block.load(Ordering::Relaxed),
            context: seat.context.load(Ordering::Relaxed),
        })
    }
}

/// What the signal carries: the stop, and the thread's seat.
pub(super) fn value(stop: u32, seat: u32) -> u64 {
    u64::from(stop) << 32 | u64::from(seat)
}

/// Stands still until the stop is over. A signal that comes later than that, as
/// to a thread that had it blocked, does nothing.
pub(super) extern "C" fn stand_still(
    _: i32,
    information: *mut libc::siginfo_t,
    context: *mut c_void,
) {
    // SAFETY: the kernel called with its information.
    let Some(value) = (unsafe { os::signal_value(information) }) else { return };
    os::keeping_errno(|| take_seat((value >> 32) as u32, value as u32, context.addr()));
}

fn take_seat(stop: u32, seat: u32, context: usize) {
    let Some(seat) = SEATS.get().and_then(|seats| seats.0.get(seat as usize)) else { return };
    seat.inside.fetch_add(1, Ordering::SeqCst);
    if STOP.load(Ordering::SeqCst) == stop {
        stand(stop, seat, context);
    }
    seat.inside.fetch_sub(1, Ordering::SeqCst);
}

fn stand(stop: u32, seat: &Seat, context: usize) {
    seat.block.store(os::thread_block(), Ordering::Relaxed);
    seat.context.store(context, Ordering::Relaxed);
    seat.stopped.store(stop, Ordering::Release);
    os::wake_all(&ANSWERS);
    // Counted in steps, not by the clock: that goes on while a debugger has the
    // whole process stand still.
    for _ in 0..REACH_HELD_STEPS {
        if STOP.load(Ordering::SeqCst) != stop {
            break;
        }
        os::wait_while(&STOP, stop, REACH_HELD_STEP_NS);
    }
}
