//! A log that starts in a process that has begun long ago.

use core::ffi::CStr;
use core::sync::atomic::Ordering;

use scrubjay_log_format::{header, process, tag as tag_format};

use crate::config::Config;
use crate::control::control;
use crate::line::Line;
use crate::site::counters;
use crate::{frames, helper, journal, late, ledger, register, registry, site, store, tag, thread};

use super::{begin_now, prepare_stacks, put_in_force};

/// Starts a log now; `then` gets its name.
///
/// # Errors
/// If there is one already, or it cannot be written; the line says why.
#[expect(clippy::result_large_err, reason = "nothing may be boxed here, and the path is rare")]
pub(crate) fn start_log(pattern: &[u8], then: impl FnOnce(&CStr)) -> Result<(), Line> {
    let Some(before) = begin_now(&Config::new()) else {
        return Err(Line::new().text("nothing is counted, so there is no log"));
    };
    // Before the lock: the loader's lock is taken for it.
    prepare_stacks(before, before.config().log_mode());
    let Some(guard) = control().tags.try_for_a_while() else {
        return Err(Line::new().text("another thread is starting a log"));
    };
    if before.descriptor().is_some() {
        return Err(Line::new().text("there is a log already"));
    }
    let flags = before.flags() | header::FLAG_LATE;
    let store = store::create_log(pattern, *before.config(), flags, before.epoch() + 1, then)?;
    let (old, new) = (before.process(), store.process());
    let kept = [
        process::PEAK,
        process::PEAK_TICKS,
        process::THREAD_COUNT,
        process::THREAD_ENDED_COUNT,
        process::THREAD_OVERFLOW_COUNT,
        process::THREAD_LIVE_MAX,
        process::TAG_OVERFLOW_COUNT,
        process::SPAN_OVERFLOW_COUNT,
        process::CORRUPTION_COUNT,
        process::SITE_OVERFLOW_COUNT,
        process::SITE_INHERITED_END,
        process::STACK_BUSY_COUNT,
    ];
    for word in kept {
        new[word].store(old[word].load(Ordering::Relaxed), Ordering::Relaxed);
    }
    register::declare_all(store);
    store.copy_notes(before);
    for index in 0..tag::count() {
        if let (Some(old), Some(new)) = (before.totals(index), store.totals(index)) {
            for word in [
                tag_format::VAULT_STATE,
                tag_format::PEAK,
                tag_format::PEAK_TICKS,
                tag_format::INHERITED_BYTES,
                tag_format::INHERITED_BLOCKS,
            ] {
                new[word].store(old[word].load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
    }
    ledger::copy_external(before, store, tag::count());
    late::copy_laggards(store);
    journal::forget_orphans();
    registry::begin_move(before);
    site::move_all(before, store, || put_in_force(store));
    counters::move_shared(before, store);
    registry::move_all(before, store);
    if let Some(orphans) = thread::orphans() {
        late::move_slot(orphans, store);
    }
    // Once more: a thread may have been within an event when it was copied.
    late::copy_laggards(store);
    frames::write_now(store);
    drop(guard);
    prepare_stacks(store, store.mode());
    helper::start();
    Ok(())
}
