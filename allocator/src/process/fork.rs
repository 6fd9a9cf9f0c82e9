//! Forked children: a store of their own, with what was live and no totals.

use core::sync::atomic::{AtomicU64, Ordering};

use scrubjay_log_format::{cell, header, process, tag as tag_format};

use crate::limits::TAGS_MAX;
use crate::site::inherited;
use crate::store::{self, Store};
use crate::{control, frames, journal, ledger, modules, os, register, site, tag, thread, vault};

use super::{BEGINNING, BEGUN, BLIND, STAGE, anonymous, open_log, put_in_force};

/// What was live per tag when the process forked, bytes and blocks: the child
/// cannot read it later, since its parent goes on counting in a shared file.
static AT_FORK: [[AtomicU64; 2]; TAGS_MAX] = [const { [const { AtomicU64::new(0) }; 2] }; TAGS_MAX];
/// Threads at the fork; 0 while no fork is under way.
static THREADS_AT_FORK: AtomicU64 = AtomicU64::new(0);

pub(super) unsafe extern "C" fn before_fork() {
    vault::before_fork();
    if control::mode() != 0 {
        note_live();
        THREADS_AT_FORK.store(thread::live_count().max(1), Ordering::Release);
    }
}

pub(super) unsafe extern "C" fn after_fork_in_parent() {
    vault::after_fork_in_parent();
    THREADS_AT_FORK.store(0, Ordering::Release);
}

/// Before anybody can map something where the parent's vaults were.
pub(super) unsafe extern "C" fn after_fork_in_child() {
    vault::settle();
}

fn note_live() {
    for (tag, place) in AT_FORK.iter().enumerate().take(tag::count() as usize) {
        let [bytes, blocks] = live(tag as u32);
        place[0].store(bytes, Ordering::Relaxed);
        place[1].store(blocks, Ordering::Relaxed);
    }
    inherited::note();
}

/// What is live of a tag: bytes and blocks, over all slots and what was
/// inherited.
fn live(tag: u32) -> [u64; 2] {
    let totals = store::current().and_then(|store| store.totals(tag));
    let mut live = totals.map_or([0, 0], |totals| {
        [tag_format::INHERITED_BYTES, tag_format::INHERITED_BLOCKS]
            .map(|word| totals[word].load(Ordering::Relaxed))
    });
    for cell in thread::used().filter_map(|slot| slot.cell(tag)) {
        let word = |index: usize| cell[index].load(Ordering::Relaxed);
        let bytes = word(cell::ALLOCATED_BYTES).wrapping_sub(word(cell::FREED_BYTES));
        let blocks = word(cell::ALLOCATED_BLOCKS).wrapping_sub(word(cell::FREED_BLOCKS));
        live = [live[0].wrapping_add(bytes), live[1].wrapping_add(blocks)];
    }
    live
}

/// The first event of a forked child: a store of its own, with what was live
/// and no totals. The parent's stays mapped and is not touched any more.
#[cold]
pub(super) fn begin_as_child() {
    let Some(parents) = store::current() else { return };
    if STAGE.compare_exchange(BEGUN, BEGINNING, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        return;
    }
    vault::settle();
    let threads = THREADS_AT_FORK.swap(0, Ordering::AcqRel);
    if threads == 0 {
        // A raw clone: no hook ran, so the figures are those of now.
        note_live();
    }
    let approximate = if threads == 1 { 0 } else { header::FLAG_APPROXIMATE };
    let flags = header::FLAG_FORKED | approximate;
    let epoch = parents.epoch() + 1;
    let config = *parents.config();
    if let Some(descriptor) = parents.descriptor().filter(|_| parents.is_open()) {
        // The lock on the file is the parent's life.
        os::close(descriptor);
    }
    let logged = parents.descriptor().and(config.log);
    let store = logged
        .and_then(|name| open_log(name.as_bytes(), config, flags, epoch, |_| ()))
        .or_else(|| anonymous(config, flags, epoch))
        .filter(|store| thread::make_slots(store));
    let Some(store) = store else {
        STAGE.store(BLIND, Ordering::Release);
        return;
    };
    register::declare_all(store);
    store.copy_notes(parents);
    journal::forget_orphans();
    site::copy_all(parents, store);
    modules::copy(parents, store);
    for word in [process::ENGINE, process::STACK_BUSY_COUNT] {
        let value = parents.process()[word].load(Ordering::Relaxed);
        store.process()[word].store(value, Ordering::Relaxed);
    }
    inherit(store);
    ledger::copy_external(parents, store, tag::count());
    inherited::hand_on(store);
    thread::here(|here| {
        here.slot.set(None);
        here.set_mode(0);
        journal::forget(here);
    });
    STAGE.store(BEGUN, Ordering::Release);
    put_in_force(store);
    frames::write_now(store);
}

fn inherit(store: &'static Store) {
    let mut sum = 0;
    for (tag, at_fork) in AT_FORK.iter().enumerate().take(tag::count() as usize) {
        if tag::vault(tag as u32).is_some_and(|vault| !vault.may_be_heap()) {
            // They are not in the child's memory.
            continue;
        }
        let [bytes, blocks] = [0, 1].map(|index| at_fork[index].load(Ordering::Relaxed));
        sum += bytes;
        if let Some(totals) = store.totals(tag as u32) {
            totals[tag_format::INHERITED_BYTES].store(bytes, Ordering::Relaxed);
            totals[tag_format::INHERITED_BLOCKS].store(blocks, Ordering::Relaxed);
            totals[tag_format::LIVE].store(bytes, Ordering::Relaxed);
            totals[tag_format::PEAK].store(bytes, Ordering::Relaxed);
        }
    }
    store.process()[process::LIVE].store(sum, Ordering::Relaxed);
    store.process()[process::PEAK].store(sum, Ordering::Relaxed);
}
