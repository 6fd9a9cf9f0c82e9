//! Faults in the range of vaults are named before they take their course.
//!
//! All of it may run in a signal handler, on a stack of which the kernel leaves
//! 4 KiB: a `Line`, which chains move about, is too large in unoptimised builds.

use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::line::{DIGITS_MAX, digits};
use crate::{os, tag};

use super::range::{self, Found, Slot, State};

/// Whether the handler is there.
static STAGE: AtomicU32 = AtomicU32::new(ABSENT);
const ABSENT: u32 = 0;
const PRESENT: u32 = 1;

/// Has faults named from now on. Not from within an allocation: std sets its own
/// handler before main, and only where there is none.
pub(crate) fn name_faults() -> Result<(), i32> {
    if STAGE.swap(PRESENT, Ordering::AcqRel) == PRESENT {
        return Ok(());
    }
    os::on_fault(handler).inspect_err(|_| STAGE.store(ABSENT, Ordering::Release))
}

extern "C" fn handler(signal: i32, information: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel called with its information.
    if let Some(address) = unsafe { os::fault_address(information) } {
        name(address);
    }
    // SAFETY: the arguments are the kernel's, and this is the handler's end.
    unsafe { os::hand_fault_on(signal, information, context) };
}

/// Says what a fault in the range is about.
#[inline(never)]
fn name(address: usize) {
    if !range::contains(core::ptr::without_provenance_mut(address)) {
        return;
    }
    let Some(found) = range::slot_at(address) else { return };
    match culprit(&found, address) {
        Some((what, slot)) => of_block(what, slot),
        None => of_nothing(address),
    }
}

/// What was done to which block.
fn culprit(found: &Found, address: usize) -> Option<(&'static str, &'static Slot)> {
    let slot = found.slot;
    let (pages, size) = slot.place().pages();
    let within = address.wrapping_sub(pages as usize) < size;
    match slot.state() {
        State::Frozen if within => return Some(("write to the frozen block at ", slot)),
        State::Gone if within => {
            return Some((
                "touch in a forked child, which does not have it, of the vault block at ",
                slot,
            ));
        }
        _ => {}
    }
    let is_there = |slot: &Slot| matches!(slot.state(), State::Live | State::Frozen);
    let is_guard_behind = address - found.start < os::page_size();
    if is_guard_behind && let Some(before) = found.before.filter(|before| is_there(before)) {
        return Some(("overrun of the vault block at ", before));
    }
    (is_there(slot) && !within).then_some(("underrun of the vault block at ", slot))
}

fn of_block(what: &str, slot: &Slot) {
    let place = slot.place();
    let (mut address, mut size) = ([0; DIGITS_MAX], [0; DIGITS_MAX]);
    os::write_error_pieces(&[
        b"scrubjay: ",
        what.as_bytes(),
        b"0x",
        digits(place.block as u64, 16, &mut address),
        b" (",
        digits(place.size as u64, 10, &mut size),
        b" bytes, tag ",
        tag::name_or_unknown(slot.site()).as_bytes(),
        b")\n",
    ]);
}

fn of_nothing(address: usize) {
    os::write_error_pieces(&[
        b"scrubjay: touch of 0x",
        digits(address as u64, 16, &mut [0; DIGITS_MAX]),
        b", where a vault block may have been: none is there\n",
    ]);
}
