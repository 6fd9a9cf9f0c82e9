//! Leaks on ways that are seldom taken: errors, panics, drops.
#![expect(unsafe_code, reason = "takes back what it has given away, unless it fails")]

use std::hint::black_box;
use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use crate::case::{cases, exactly};

cases! { "errors.rs":
    Lost Open caught_panic at half_done: exactly(1, 777),
        "a panic, which is caught, comes before a vector is dropped by hand";
    Lost Blind leak_in_drop at open: exactly(1, 365), "a `Drop` gives its part away";
    Lost Open error_path at parse: exactly(3, 3 * 96),
        "three of ten inputs are wrong, and their buffers are not taken back";
    Lost Blind guard_defused at begin: exactly(1, 540),
        "a guard is forgotten on an error, with what it guards";
    Lost Open retries at connect: exactly(3, 3 * 1_152),
        "each try makes a buffer, and only the last one's is taken back";
    Lost Blind panic_while_building at build: exactly(4, 4 * 45),
        "a panic, which is caught, interrupts filling an array by hand";
    Clean Open unwound, "a panic, which is caught, unwinds and drops a vector";
    Clean Blind error_path_dropped, "three of ten inputs are wrong, and their buffers dropped";
    Clean Open payload_dropped, "a panic's payload is caught, and dropped";
    Clean Blind collected_until_error, "collecting stops at an error, and drops the rest";
}

/// Panics without a message.
fn fail() {
    if black_box(true) {
        resume_unwind(Box::new(()));
    }
}

fn caught_panic() {
    assert!(catch_unwind(half_done).is_err(), "it fails");
}

#[inline(never)]
fn half_done() {
    let mut held = ManuallyDrop::new(black_box(vec![1_u8; 777])); // leaks
    fail();
    // SAFETY: it is there, and nobody uses it behind this.
    unsafe { ManuallyDrop::drop(&mut held) };
}

struct File {
    buffer: Vec<u8>,
}

impl Drop for File {
    fn drop(&mut self) {
        // As if somebody else would write it out.
        black_box(mem::take(&mut self.buffer).leak());
    }
}

fn leak_in_drop() {
    drop(black_box(open()));
}

#[inline(never)]
fn open() -> File {
    File { buffer: black_box(vec![1; black_box(365)]) } // leaks
}

fn error_path() {
    let wrong = (0..10).filter(|&number| parse(black_box(number)).is_err()).count();
    assert_eq!(wrong, 3, "so many are wrong");
}

#[inline(never)]
fn parse(number: u8) -> Result<u8, ()> {
    let buffer = Box::into_raw(black_box(Box::new([number; 96]))); // leaks
    let checked = check(number)?;
    // SAFETY: it is from `into_raw`, a few lines above.
    drop(unsafe { Box::from_raw(buffer) });
    Ok(checked)
}

fn check(number: u8) -> Result<u8, ()> {
    if number % 4 == 1 { Err(()) } else { Ok(number) }
}

fn guard_defused() {
    let guard = begin();
    if check(black_box(5)).is_err() {
        // Nothing is to be rolled back: but the guard has a buffer, too.
        mem::forget(guard);
    }
}

struct Guard {
    _undo: Vec<u8>,
}

#[inline(never)]
fn begin() -> Guard {
    Guard { _undo: black_box(vec![1; black_box(540)]) } // leaks
}

fn retries() {
    let mut buffer = ptr::null_mut();
    for _ in 0..4 {
        buffer = connect();
    }
    // SAFETY: it is from `into_raw`, the last one.
    drop(unsafe { Box::from_raw(buffer) });
}

#[inline(never)]
fn connect() -> *mut [u8; 1_152] {
    Box::into_raw(black_box(Box::new([1; 1_152]))) // leaks
}

fn panic_while_building() {
    assert!(catch_unwind(build).is_err(), "it fails");
}

#[inline(never)]
fn build() {
    let mut texts = ManuallyDrop::new([const { String::new() }; 5]);
    for (number, text) in texts.iter_mut().enumerate() {
        if number == 4 {
            fail();
        }
        *text = String::with_capacity(black_box(45)); // leaks
    }
    drop(ManuallyDrop::into_inner(texts));
}

fn unwound() {
    let held = black_box(vec![1_u8; 777]);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let held = held;
        fail();
        drop(held);
    }));
    assert!(ended.is_err(), "it fails");
}

fn error_path_dropped() {
    for number in 0..10 {
        let buffer = black_box(Box::new([number; 96]));
        if check(buffer[5]).is_err() {
            continue;
        }
        black_box(buffer);
    }
}

fn payload_dropped() {
    let ended = catch_unwind(|| {
        if black_box(true) {
            resume_unwind(Box::new("what went wrong".repeat(20)));
        }
    });
    let payload = ended.expect_err("it fails");
    assert_eq!(payload.downcast_ref::<String>().map(String::len), Some(300), "what was thrown");
}

fn collected_until_error() {
    let made: Result<Vec<Vec<u8>>, ()> =
        (0..10).map(|number| Ok(vec![check(number + 2)?; 220])).collect();
    assert!(black_box(made).is_err(), "one of them is wrong");
}
