//! All other threads stand still, wherever they are.

use crate::limits::{
    REACH_ANSWER_NS, REACH_ASKED_NS, REACH_LOOK_MAX_NS, REACH_LOOK_NS, REACH_PASSES_MAX,
    REACH_THREADS_MAX,
};
use crate::os;

use core::sync::atomic::{AtomicI32, Ordering};

use super::pages::{List, Pages};
use super::seats::{self, Seats, Standing, stand_still};

/// The signal that asks a thread; 0 before the first.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Bytes of the list of threads that are read at a time.
const LISTED_SIZE: usize = 32 << 10;

/// What a stop takes, got before anybody stands still.
pub(super) struct Room {
    seats: &'static Seats,
    signal: i32,
    listed: Pages<u8>,
    /// Seats of those that have not answered.
    pending: List<u32>,
    /// Seats of those that stand still.
    standing: List<u32>,
}

impl Room {
    /// `None` where there is no memory, or no signal left.
    pub(super) fn new() -> Option<Self> {
        Some(Self {
            seats: seats::seats()?,
            signal: signal()?,
            listed: Pages::new(LISTED_SIZE)?,
            pending: List::new(REACH_THREADS_MAX)?,
            standing: List::new(REACH_THREADS_MAX)?,
        })
    }
}

/// The signal, taken if need be.
fn signal() -> Option<i32> {
    let signal = SIGNAL.load(Ordering::Relaxed);
    if signal != 0 && os::has_signal(signal, stand_still) {
        return Some(signal);
    }
    let signal = os::take_signal(stand_still)?;
    SIGNAL.store(signal, Ordering::Release);
    Some(signal)
}

/// Lets the signal in, once there is one, to a thread that blocks all.
pub(crate) fn let_in() {
    let signal = SIGNAL.load(Ordering::Acquire);
    if signal != 0 {
        os::let_signal_in(signal);
    }
}

/// The time in which all other threads stand still; it ends with this.
pub(super) struct Stop {
    room: Room,
    number: u32,
    own: u32,
    /// Threads that go on: they block the signal, do not come out of the kernel,
    /// or are too many.
    pub(super) running_count: u32,
    /// Whether nobody was left to be asked.
    pub(super) is_complete: bool,
    /// When it began.
    pub(super) start_ns: u64,
}

impl Drop for Stop {
    fn drop(&mut self) {
        seats::end();
    }
}

impl Stop {
    /// Asks all other threads to stand still, those among them that are born
    /// meanwhile, and waits until they do. For whoever has the lock on searches.
    pub(super) fn begin(mut room: Room) -> Self {
        room.pending.truncate(0);
        room.standing.truncate(0);
        let start_ns = os::monotonic_ns();
        let (number, own) = (seats::begin(), os::thread_id());
        let mut stop = Self { room, number, own, running_count: 0, is_complete: false, start_ns };
        let end_ns = start_ns + REACH_ASKED_NS;
        for _ in 0..REACH_PASSES_MAX {
            match stop.ask_all() {
                Some(0) => {
                    stop.is_complete = true;
                    break;
                }
                Some(_) => stop.wait(end_ns),
                None => break,
            }
            if os::monotonic_ns() > end_ns {
                break;
            }
        }
        stop
    }

    /// Those that stand still.
    pub(super) fn standing(&self) -> impl Iterator<Item = Standing> + '_ {
        self.room.standing.iter().filter_map(|&seat| self.room.seats.standing(seat, self.number))
    }

    /// Whether nobody can change memory.
    pub(super) fn is_still(&self) -> bool {
        self.is_complete && self.running_count == 0
    }

    /// Asks whoever was not asked; answers how many that were. `None` where the
    /// threads are not listed.
    fn ask_all(&mut self) -> Option<usize> {
        let Self { room, number, own, running_count, .. } = self;
        let Room { seats, signal, listed, pending, .. } = room;
        let mut count = 0;
        let is_listed = os::each_task(listed, |thread| {
            if thread == *own {
                return;
            }
            let Ok(seat) = seats.seat_for(thread, *number) else {
                *running_count += 1;
                return;
            };
            let Some(seat) = seat else { return };
            count += 1;
            match os::queue_signal(thread, *signal, seats::value(*number, seat)) {
                Ok(()) if pending.push(seat) => {}
                // It has ended.
                Err(libc::ESRCH) => {}
                _ => *running_count += 1,
            }
        });
        is_listed.then_some(count)
    }

    /// Waits for those that were asked: as long as answers come, and a while
    /// longer.
    fn wait(&mut self, end_ns: u64) {
        let mut last_ns = os::monotonic_ns();
        let mut look_ns = REACH_LOOK_NS;
        loop {
            let answers = seats::answers();
            if self.collect() {
                last_ns = os::monotonic_ns();
            }
            if self.room.pending.is_empty() {
                return;
            }
            seats::wait_for_answers(answers, look_ns);
            if seats::answers() != answers {
                continue;
            }
            look_ns = (2 * look_ns).min(REACH_LOOK_MAX_NS);
            let now_ns = os::monotonic_ns();
            let is_over = now_ns - last_ns > REACH_ANSWER_NS || now_ns > end_ns;
            self.look_at_pending(is_over);
        }
    }

    /// Moves those that stand still to their list; whether there were any.
    fn collect(&mut self) -> bool {
        let Self { room, number, .. } = self;
        let Room { seats, pending, standing, .. } = room;
        let before = standing.len();
        pending.retain(|seat| seats.standing(seat, *number).is_none() || !standing.push(seat));
        standing.len() > before
    }

    /// Drops those that are gone, and gives up those that cannot answer; all,
    /// where time is over.
    fn look_at_pending(&mut self, is_over: bool) {
        let Self { room, number, running_count, .. } = self;
        let Room { seats, signal, pending, standing, .. } = room;
        pending.retain(|seat| {
            let state = os::task_state(seats.thread(seat));
            if state.is_none_or(os::TaskState::has_ended) {
                return false;
            }
            let gives_up = is_over || state.is_some_and(|state| state.blocks_for_long(*signal));
            // It may have come just now.
            let stands = gives_up && seats.standing(seat, *number).is_some();
            if gives_up && !(stands && standing.push(seat)) {
                *running_count += 1;
            }
            !gives_up
        });
    }
}
