//! The thread that makes room for the journal ahead of it, notices modules that
//! are loaded and unloaded, and asks the kernel about the process.
//!
//! Storing straight into fresh file pages stalls for tens of milliseconds
//! while the kernel writes back; the helper takes those faults instead.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::Ordering;

use scrubjay_log_format::process;

use crate::control::control;
use crate::limits::HELPER_STEP_NS;
use crate::store::{self, Store};
use crate::{capture, modules, os, own, reach, vitals};

/// Starts the helper where there is something for it, unless there is one. Never
/// called inside an allocation: making a thread allocates, and blocks.
pub(crate) fn start() {
    let Some(store) = store::current() else { return };
    let helper = &control().helper;
    if (store.descriptor().is_none() && !has_stacks(store))
        || helper.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_err()
    {
        return;
    }
    if !os::start_thread(main) {
        // Threads that run out of room then make it themselves.
        helper.store(0, Ordering::Release);
    }
}

extern "C" fn main(_: *mut c_void) -> *mut c_void {
    os::name_thread(c"scrubjay");
    control().helper_id.store(os::thread_id(), Ordering::Relaxed);
    loop {
        // It blocks every signal but the one by which a search has all threads
        // stand still.
        reach::let_in();
        let demand = control().demand.load(Ordering::Acquire);
        while store::current().is_some_and(|store| store.map_ahead()) {
            os::wake_all(&control().room);
        }
        if let Some(store) = store::current() {
            look_at_modules(store);
            vitals::look(store);
        }
        os::wait_while(&control().demand, demand, HELPER_STEP_NS);
        if store::current().is_none() {
            return ptr::null_mut();
        }
    }
}

fn has_stacks(store: &Store) -> bool {
    store.process()[process::MODE].load(Ordering::Relaxed) & process::MODE_STACKS != 0
}

/// Notes modules that came and went, for captures and for the log. Not within an
/// allocation.
pub(crate) fn look_at_modules(store: &Store) {
    if !has_stacks(store) {
        return;
    }
    if own::account(capture::refresh) {
        modules::note(store);
    }
    let busy_count = &store.process()[process::STACK_BUSY_COUNT];
    busy_count.store(capture::busy_count(), Ordering::Relaxed);
}
