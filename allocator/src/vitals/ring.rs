//! Samples in the log: who takes them when, and where they stand.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use scrubjay_log_format::{process, vitals as format};

use crate::control::control;
use crate::limits::{
    PEAK_FRAME_RISE, VITALS_CHANGE, VITALS_EXIT_NS, VITALS_IDLE_NS, VITALS_PARTS_CHANGE,
    VITALS_PARTS_REST, VITALS_PARTS_SPACING_NS, VITALS_SPACING_NS, VITALS_STEP_NS,
};
use crate::os;
use crate::store::{Store, store_bytes};
use crate::thinning::Thinning;

use super::sample::{self, Detail};

/// Places that have a meaning, each with its turn.
const MEANINGS: [u32; 4] = [format::NEWEST, format::PEAK, format::PARTS, format::GREATEST];

/// The writer's own state; guarded by the lock on vitals, so a forked child starts
/// afresh.
struct Ring {
    /// The store that the rest is about.
    epoch: AtomicU32,
    /// Samples written so far.
    number: AtomicU64,
    due_ns: AtomicU64,
    spacing_ns: AtomicU64,
    places: Thinning<{ format::RING_SIZE as usize }>,
    /// Which of two places each meaning has next.
    turns: [AtomicU32; MEANINGS.len()],
    /// Live bytes of the sample at the heap's peak.
    peak_live: AtomicU64,
    /// Resident bytes of the greatest sample with parts.
    greatest: AtomicU64,
}

static RING: Ring = Ring {
    epoch: AtomicU32::new(0),
    number: AtomicU64::new(0),
    due_ns: AtomicU64::new(0),
    spacing_ns: AtomicU64::new(VITALS_SPACING_NS),
    places: Thinning::new(),
    turns: [const { AtomicU32::new(0) }; MEANINGS.len()],
    peak_live: AtomicU64::new(0),
    greatest: AtomicU64::new(0),
};

/// What the helper thread knows of its last looks; nobody else's.
struct Looks {
    epoch: AtomicU32,
    looked_ns: AtomicU64,
    sampled_ns: AtomicU64,
    resident: AtomicU64,
    /// The heap's peak when it was sampled.
    peak: AtomicU64,
    parts_resident: AtomicU64,
    parts_due_ns: AtomicU64,
    /// 1 where the C library took too long.
    is_malloc_slow: AtomicU32,
}

static LOOKS: Looks = Looks {
    epoch: AtomicU32::new(0),
    looked_ns: AtomicU64::new(0),
    sampled_ns: AtomicU64::new(0),
    resident: AtomicU64::new(0),
    peak: AtomicU64::new(0),
    parts_resident: AtomicU64::new(0),
    parts_due_ns: AtomicU64::new(0),
    is_malloc_slow: AtomicU32::new(0),
};

/// The helper's look, whenever it wakes: a sample where one is asked for, where the
/// heap has a new peak, where resident bytes have changed, and once a second. A
/// look without one costs about 3 µs, and is taken every 10 ms at most.
pub(crate) fn look(store: &'static Store) {
    if store.descriptor().is_none() {
        return;
    }
    let (now, words) = (os::monotonic_ns(), store.process());
    let wanted = control().vitals_wanted.load(Ordering::Acquire);
    let is_asked = wanted != control().vitals_taken.load(Ordering::Relaxed);
    let load = |word: &AtomicU64| word.load(Ordering::Relaxed);
    if !is_asked && now < load(&LOOKS.looked_ns) + VITALS_STEP_NS {
        return;
    }
    let is_new = LOOKS.epoch.swap(store.epoch(), Ordering::Relaxed) != store.epoch();
    LOOKS.looked_ns.store(now, Ordering::Relaxed);
    let resident = sample::resident_now().unwrap_or(0);
    let has_changed = |before: u64, part: u64| resident.abs_diff(before) > before / part;
    let (peak, before) = (load(&words[process::PEAK]), load(&LOOKS.peak));
    let is_due = is_new
        || is_asked
        || peak > before + before / PEAK_FRAME_RISE as u64
        || has_changed(load(&LOOKS.resident), VITALS_CHANGE)
        || now >= load(&LOOKS.sampled_ns) + VITALS_IDLE_NS;
    if !is_due {
        return;
    }
    let wants_parts = is_new
        || is_asked
        || now >= load(&LOOKS.parts_due_ns)
            && has_changed(load(&LOOKS.parts_resident), VITALS_PARTS_CHANGE);
    let detail = match LOOKS.is_malloc_slow.load(Ordering::Relaxed) {
        _ if !wants_parts => Detail::Plain,
        0 => Detail::Heap,
        _ => Detail::Parts,
    };
    let vitals = write_now(store, detail);
    LOOKS.sampled_ns.store(now, Ordering::Relaxed);
    LOOKS.resident.store(resident, Ordering::Relaxed);
    LOOKS.peak.store(peak, Ordering::Relaxed);
    if wants_parts {
        let rest = vitals.0[format::PARTS_NS].saturating_mul(VITALS_PARTS_REST);
        let due = now.saturating_add(rest.max(VITALS_PARTS_SPACING_NS));
        LOOKS.parts_due_ns.store(due, Ordering::Relaxed);
        LOOKS.parts_resident.store(resident, Ordering::Relaxed);
        if detail == Detail::Heap && !sample::was_cheap(&vitals) {
            LOOKS.is_malloc_slow.store(1, Ordering::Relaxed);
        }
    }
    if is_asked {
        control().vitals_taken.store(wanted.wrapping_sub(1), Ordering::Relaxed);
        os::wake_all(&control().vitals_taken);
    }
}

/// The process's last sample, where a log was asked for. The helper takes it: who
/// exits may have left the C library's heap in the middle of something, and waits
/// no longer than its limit. Without a helper the C library is not asked.
pub(crate) fn write_last(store: &'static Store) {
    if store.descriptor().is_none() {
        return;
    }
    if control().helper.load(Ordering::Relaxed) != 1 {
        write_now(store, Detail::Parts);
        return;
    }
    let wanted = control().vitals_wanted.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
    os::wake_all(&control().demand);
    let end = os::monotonic_ns() + VITALS_EXIT_NS;
    loop {
        let taken = control().vitals_taken.load(Ordering::Acquire);
        let left = end.saturating_sub(os::monotonic_ns());
        if taken == wanted || left == 0 {
            return;
        }
        os::wait_while(&control().vitals_taken, taken, left as i64);
    }
}

/// Takes a sample and writes it. Not within an allocation.
pub(crate) fn write_now(store: &'static Store, detail: Detail) -> format::Vitals {
    let mut vitals = sample::take(Some(store), detail);
    if let Some(_guard) = control().vitals.try_for_a_while() {
        write(store, &mut vitals);
    }
    vitals
}

/// Forgets what was about another store.
fn begin(store: &Store) {
    if RING.epoch.swap(store.epoch(), Ordering::Relaxed) != store.epoch() {
        RING.places.clear();
        RING.spacing_ns.store(VITALS_SPACING_NS, Ordering::Relaxed);
        for word in [&RING.number, &RING.due_ns, &RING.peak_live, &RING.greatest] {
            word.store(0, Ordering::Relaxed);
        }
    }
}

/// Writes a sample wherever it has its place.
fn write(store: &'static Store, vitals: &mut format::Vitals) {
    begin(store);
    let number = RING.number.fetch_add(1, Ordering::Relaxed) + 1;
    vitals.0[format::NUMBER] = number;
    put_by_meaning(store, format::NEWEST, vitals);
    if RING.peak_live.fetch_max(vitals.0[format::LIVE_BYTES], Ordering::Relaxed)
        < vitals.0[format::LIVE_BYTES]
    {
        put_by_meaning(store, format::PEAK, vitals);
    }
    if vitals.knows(format::KNOWS_PARTS) {
        put_by_meaning(store, format::PARTS, vitals);
        let resident = vitals.part_bytes();
        if RING.greatest.fetch_max(resident, Ordering::Relaxed) < resident {
            put_by_meaning(store, format::GREATEST, vitals);
        }
    }
    let now = os::monotonic_ns();
    if now >= RING.due_ns.load(Ordering::Relaxed) {
        let place = RING.places.next(format::RING_SIZE, || {
            let spacing = RING.spacing_ns.load(Ordering::Relaxed);
            RING.spacing_ns.store(spacing.saturating_mul(2), Ordering::Relaxed);
        });
        put(store, format::RING + place, vitals);
        let spacing = RING.spacing_ns.load(Ordering::Relaxed);
        RING.due_ns.store(now + spacing, Ordering::Relaxed);
        store.process()[process::VITALS_SPACING_NS].store(spacing, Ordering::Relaxed);
    }
    let words = store.process();
    words[process::VITALS_COUNT].store(number, Ordering::Relaxed);
    words[process::VITALS_NS].fetch_add(vitals.0[format::TOOK_NS], Ordering::Relaxed);
}

/// Writes to that of two places whose turn it is.
fn put_by_meaning(store: &'static Store, meaning: u32, vitals: &format::Vitals) {
    let turn = MEANINGS.iter().position(|&first| first == meaning).unwrap_or(0);
    let turn = RING.turns[turn].fetch_add(1, Ordering::Relaxed) & 1;
    put(store, meaning + turn, vitals);
}

/// Writes a record: there is none until its number stands there again.
fn put(store: &'static Store, place: u32, vitals: &format::Vitals) {
    if let Some(words) = store.vitals_or_take(place) {
        words[format::NUMBER].swap(0, Ordering::SeqCst);
        store_bytes(words, &vitals.encode());
    }
}
