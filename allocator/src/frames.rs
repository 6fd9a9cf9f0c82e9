//! Frames of the ledger: what was live per tag, over time.
//!
//! A ring of fixed size: when it is full every second frame goes and the
//! spacing doubles, so that any run keeps at least half a ring of points. Two
//! more slots hold, in turns, what made up the process's peak.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use scrubjay_log_format::{frame, process, tag as tag_format};

use crate::control::control;
use crate::limits::{FRAME_SPACING_NS, FRAMES_MAX, PEAK_FRAME_RISE, TAGS_PER_GROUP};
use crate::site::peaks;
use crate::store::Store;
use crate::thinning::Thinning;
use crate::{clock, os, tag};

/// The writer's own state; guarded by the lock on frames, so a forked child
/// starts afresh.
struct Ring {
    /// The store that the rest is about.
    epoch: AtomicU32,
    /// When the next frame is due, in nanoseconds.
    due_ns: AtomicU64,
    spacing_ns: AtomicU64,
    /// Frames written so far.
    number: AtomicU64,
    slots: Thinning<{ FRAMES_MAX as usize }>,
    /// The process's live bytes at its last peak frame.
    peak: AtomicU64,
}

static RING: Ring = Ring {
    epoch: AtomicU32::new(0),
    due_ns: AtomicU64::new(0),
    spacing_ns: AtomicU64::new(FRAME_SPACING_NS),
    number: AtomicU64::new(0),
    slots: Thinning::new(),
    peak: AtomicU64::new(0),
};

/// Writes a frame if one is due. Called from slow paths only: costs a clock
/// read, and with a frame about 10 ns a tag.
pub(crate) fn write_if_due(store: &'static Store) {
    let now = os::monotonic_ns();
    let is_new = RING.epoch.load(Ordering::Relaxed) != store.epoch();
    if !is_new && now < RING.due_ns.load(Ordering::Relaxed) {
        return;
    }
    let Some(_guard) = control().frames.try_once() else {
        store.process()[process::FRAME_SKIPPED_COUNT].fetch_add(1, Ordering::Relaxed);
        return;
    };
    begin(store);
    write_next(store, now);
}

/// Writes a frame now, whether due or not. For dumps and the process's end.
pub(crate) fn write_now(store: &'static Store) {
    if let Some(_guard) = control().frames.try_for_a_while() {
        begin(store);
        write_next(store, os::monotonic_ns());
    }
}

/// Writes what makes up a new peak, once it has risen by a hundredth.
pub(crate) fn write_peak(store: &'static Store, live: i64) {
    let before = RING.peak.load(Ordering::Relaxed) as i64;
    let same = RING.epoch.load(Ordering::Relaxed) == store.epoch();
    if same && live < before + before / PEAK_FRAME_RISE {
        return;
    }
    let Some(_guard) = control().frames.try_once() else { return };
    begin(store);
    RING.peak.store(live as u64, Ordering::Relaxed);
    let newest = &store.process()[process::PEAK_FRAME];
    let capacity = store.config().frames;
    let turn = u32::from(newest.load(Ordering::Relaxed) == u64::from(capacity) + 1);
    let slot = capacity + turn;
    write(store, slot, live);
    peaks::note_process(store, turn as usize);
    newest.store(u64::from(slot) + 1, Ordering::Release);
    if control().helper.load(Ordering::Relaxed) == 1 {
        // It asks the kernel what it says of this peak.
        os::wake_all(&control().demand);
    }
}

/// Forgets what was about another store.
fn begin(store: &Store) {
    if RING.epoch.swap(store.epoch(), Ordering::Relaxed) != store.epoch() {
        RING.slots.clear();
        RING.number.store(0, Ordering::Relaxed);
        RING.peak.store(0, Ordering::Relaxed);
        RING.spacing_ns.store(FRAME_SPACING_NS, Ordering::Relaxed);
    }
}

fn write_next(store: &'static Store, now: u64) {
    let slot = RING.slots.next(store.config().frames, || {
        let spacing = RING.spacing_ns.load(Ordering::Relaxed);
        RING.spacing_ns.store(spacing.saturating_mul(2), Ordering::Relaxed);
    });
    let spacing = RING.spacing_ns.load(Ordering::Relaxed);
    RING.due_ns.store(now + spacing, Ordering::Relaxed);

    let process = store.process();
    process[process::FRAME_SPACING_NS].store(spacing, Ordering::Relaxed);
    pair_clocks(store);
    write(store, slot, process[process::LIVE].load(Ordering::Relaxed) as i64);
}

/// Writes a frame: it is whole once its moment's first word is there.
fn write(store: &'static Store, slot: u32, live: i64) {
    let Some(moment) = store.moment(slot) else { return };
    moment[frame::TICKS].store(0, Ordering::Release);
    let groups = tag::group_count();
    for group in 0..groups {
        let Some(row) = store.row(slot, group) else { return };
        for (place, word) in row.iter().enumerate() {
            let index = group * TAGS_PER_GROUP as u32 + place as u32;
            let live = match store.totals(index).filter(|_| index < tag::count()) {
                Some(totals) => totals[tag_format::LIVE].load(Ordering::Relaxed),
                None => 0,
            };
            word.store(live, Ordering::Relaxed);
        }
    }
    let number = RING.number.fetch_add(1, Ordering::Relaxed) + 1;
    moment[frame::LIVE].store(live as u64, Ordering::Relaxed);
    moment[frame::GROUP_COUNT].store(groups.into(), Ordering::Relaxed);
    moment[frame::NUMBER].store(number, Ordering::Relaxed);
    moment[frame::TICKS].store(clock::ticks(), Ordering::Release);
}

/// Notes one moment by both clocks, by which a reader calibrates ticks. The
/// pair is written beside the one in force and then put in force.
pub(crate) fn pair_clocks(store: &'static Store) {
    let process = store.process();
    let next = process[process::CLOCK_SEQUENCE].load(Ordering::Relaxed) + 1;
    let place = process::CLOCK_PAIRS + 2 * (next & 1) as usize;
    process[place].store(clock::ticks(), Ordering::Relaxed);
    process[place + 1].store(os::monotonic_ns(), Ordering::Relaxed);
    process[process::CLOCK_SEQUENCE].store(next, Ordering::Release);
}
