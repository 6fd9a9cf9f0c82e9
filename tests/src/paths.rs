//! Distinct stacks by the thousand: a path of left and right turns through
//! functions that call each other.

use std::hint::black_box;

/// Calls `then` at the end of a path: a turn for each of the lowest `depth` bits
/// of `number`. Each number has a stack of its own.
#[inline(never)]
pub fn walk(number: u32, depth: u32, then: &mut dyn FnMut()) {
    if depth == 0 {
        then();
    } else if number & 1 == 0 {
        left(number >> 1, depth - 1, then);
    } else {
        right(number >> 1, depth - 1, then);
    }
    // Not a tail call.
    black_box(());
}

#[inline(never)]
fn left(number: u32, depth: u32, then: &mut dyn FnMut()) {
    walk(number, depth, then);
    black_box(0_u8);
}

#[inline(never)]
fn right(number: u32, depth: u32, then: &mut dyn FnMut()) {
    walk(number, depth, then);
    black_box(1_u8);
}
