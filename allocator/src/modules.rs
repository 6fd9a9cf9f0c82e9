//! The log's list of loaded modules, by which a reader finds the symbols of its
//! stacks.

use core::sync::atomic::Ordering;

use scrubjay_log_format::{module, process};

use crate::capture::{self, Module};
use crate::clock;
use crate::control::control;
use crate::limits::MODULES_MAX;
use crate::store::{ModuleWords, Store, store_bytes};

/// Where a record's words stand.
const BIAS: usize = 1;
const START: usize = 2;
const END: usize = 3;
const UNLOADED: usize = module::UNLOADED_AT / 8;

/// Notes what is loaded and what is gone. Not within an allocation: the loader
/// may be waiting for one.
pub(crate) fn note(store: &Store) {
    let Some(_guard) = control().modules.try_for_a_while() else { return };
    let now = clock::ticks();
    let mut is_loaded = [0_u64; MODULES_MAX / 64];
    capture::each_module(|module| {
        let index = known(store).position(|words| is_it(words, module));
        let index = index.or_else(|| add(store, module, now));
        if let Some(index) = index {
            is_loaded[index / 64] |= 1 << (index % 64);
        }
    });
    for (index, words) in known(store).enumerate() {
        let is_loaded = is_loaded[index / 64] >> (index % 64) & 1 != 0;
        if !is_loaded && words[UNLOADED].load(Ordering::Relaxed) == 0 {
            words[UNLOADED].store(now, Ordering::Relaxed);
        }
    }
}

/// The modules that a store knows, also those that are gone.
fn known(store: &Store) -> impl Iterator<Item = &'static ModuleWords> {
    (0..MODULES_MAX as u32)
        .map_while(|index| store.module(index))
        .take_while(|words| words[0].load(Ordering::Acquire) != 0)
}

/// Of two modules at one place one is gone.
fn is_it(words: &ModuleWords, module: &Module) -> bool {
    let place = [(BIAS, module.bias), (START, module.start), (END, module.end)];
    words[UNLOADED].load(Ordering::Relaxed) == 0
        && place.iter().all(|&(word, value)| words[word].load(Ordering::Relaxed) == value)
}

fn add(store: &Store, module: &Module, now: u64) -> Option<usize> {
    let index = known(store).count();
    let Some(words) = u32::try_from(index).ok().and_then(|index| store.module_or_take(index))
    else {
        store.process()[process::MODULE_OVERFLOW_COUNT].fetch_add(1, Ordering::Relaxed);
        return None;
    };
    let record = module::Module {
        index: index as u32,
        flags: if module.is_program { module::FLAG_MAIN } else { 0 },
        bias: module.bias,
        start: module.start,
        end: module.end,
        loaded_ticks: now,
        unloaded_ticks: 0,
        build_id: module.build_id,
        path: module.path,
    };
    store_bytes(words, &record.encode());
    Some(index)
}

/// Copies the list into the store of a forked child.
pub(crate) fn copy(from: &Store, to: &Store) {
    for (index, old) in (0..).zip(known(from)) {
        let Some(new) = to.module_or_take(index) else { break };
        for (old, new) in old.iter().zip(new).rev() {
            new.store(old.load(Ordering::Relaxed), Ordering::Release);
        }
    }
}
