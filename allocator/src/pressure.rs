//! Pressure: soft limits that were passed, allocations that were refused. Each is
//! an event in the log's ring, which is written without an allocation; whoever
//! wants to act on it is called from a thread of its own.

use core::sync::atomic::Ordering;

use scrubjay_log_format::pressure::{PressureEvent, PressureKind, TOP_COUNT};

use crate::budget::{self, Refusal};
use crate::control::control;
use crate::limits::PRESSURE_SITES_MAX;
use crate::site::{self, peaks};
use crate::store::{self, Store};
use crate::thread::{self, Slot};
use crate::{clock, os, register, tag};

/// Notes a refusal of a block.
#[cold]
#[inline(never)]
pub(crate) fn note_refused(site: u32, size: usize, refusal: Refusal) {
    let tag = site::tag_of(site);
    let (kind, node, granted) = match refusal {
        Refusal::Full(node, granted) => (PressureKind::Refused, node, granted),
        Refusal::Busy => (PressureKind::Busy, tag, budget::figures(tag).granted),
    };
    let limit = budget::figures(node).limits.hard;
    note(kind, node, (site, size), (granted, limit));
}

/// Notes the soft limits that a tag's last request passed, from its own budget
/// upwards.
#[cold]
#[inline(never)]
pub(crate) fn note_crossings(tag: u32, size: usize) {
    let levels = core::iter::successors(Some(tag), |&node| budget::parent_of(node));
    for node in levels.filter(|&node| budget::take_crossing(node)) {
        let figures = budget::figures(node);
        note(PressureKind::Soft, node, (tag, size), (figures.granted, figures.limits.soft));
    }
}

fn note(kind: PressureKind, node: u32, (site, size): (u32, usize), room: (u64, u64)) {
    let Some(store) = store::current() else { return };
    // One look at everything is enough, a refusal may come a million times.
    let top = match kind {
        PressureKind::Soft => top_of(store, node),
        _ => Top::default(),
    };
    let thread = thread::here(|here| here.slot.get().map_or(0, Slot::thread_number)).unwrap_or(0);
    store.add_pressure_event(|number| {
        let (whose, what) = ((node, thread), (site, size as u64));
        let top = top.sites.split_at(top.count).0;
        PressureEvent::encode(number, kind, clock::ticks(), whose, what, room, top)
    });
    register::declare_budget(store, node);
    let word = &control().pressure;
    // Nobody to be woken costs no call of the system.
    if control().pressure_watchers.load(Ordering::Acquire) != 0 {
        os::wake_all(word);
    }
}

/// Sites that hold most, greatest first.
#[derive(Default)]
struct Top {
    sites: [(u32, u64); TOP_COUNT],
    count: usize,
}

impl Top {
    fn add(&mut self, site: u32, bytes: u64) {
        let place = self.sites.iter().take(self.count).take_while(|(_, other)| *other >= bytes);
        let place = place.count();
        if bytes == 0 || place >= TOP_COUNT {
            return;
        }
        self.count = (self.count + 1).min(TOP_COUNT);
        if let Some(behind) = self.sites.get_mut(place..self.count) {
            behind.rotate_right(1);
            behind[0] = (site, bytes);
        }
    }
}

/// What holds most of a budget: tags, as far as threads published them, or their
/// sites where they have any.
fn top_of(store: &Store, node: u32) -> Top {
    let mut top = Top::default();
    let mut left = PRESSURE_SITES_MAX;
    for tag in (0..tag::count()).filter(|&tag| budget::is_under(tag, node)) {
        let mut has_sites = false;
        for site in site::all_of(tag).take(left) {
            has_sites = true;
            left -= 1;
            top.add(site, peaks::live_bytes(store, site));
        }
        if !has_sites && let Some(totals) = store.totals(tag) {
            let live = totals[scrubjay_log_format::tag::LIVE].load(Ordering::Relaxed) as i64;
            top.add(tag, live.max(0) as u64);
        }
    }
    top
}

/// Waits until there may be events that the caller has not seen; `seen` is what
/// [`turn`] answered before it looked.
pub(crate) fn wait(seen: u32, time_ns: i64) {
    os::wait_while(&control().pressure, seen, time_ns);
}

/// Changes whenever events may have come.
pub(crate) fn turn() -> u32 {
    control().pressure.load(Ordering::Acquire)
}

/// Says that somebody waits, or has stopped.
pub(crate) fn watch(is_watching: bool) {
    let count = &control().pressure_watchers;
    if is_watching {
        count.fetch_add(1, Ordering::AcqRel);
    } else {
        count.fetch_sub(1, Ordering::AcqRel);
        os::wake_all(&control().pressure);
    }
}
