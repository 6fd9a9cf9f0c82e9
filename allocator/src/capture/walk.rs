//! The way up a stack, frame by frame, hashed on the way.

use super::frames::{End, Frames};
use super::registers::{Registers, unsigned};
use super::rules::{Base, Key, Packed, Rule, Step};
use super::unwinder::{self, Found};
use super::{RULES, signal};
use crate::limits::STACK_DEPTH_MAX;

const WORD: usize = size_of::<usize>();

/// Where a walk reads: the thread's own stack, or any other.
pub(super) trait Memory {
    /// Whether the words from `below` the end of a frame up to it may be read,
    /// for a frame that begins at the stack pointer.
    fn holds(&mut self, stack: usize, end: usize, below: usize) -> bool;

    /// The same of the two words at a frame pointer.
    fn holds_kept(&mut self, stack: usize, frame: usize) -> bool;

    /// Whether the way may go on at another stack pointer, which code did not
    /// lead to but a signal did.
    fn may_go_on(&self, from: usize, to: usize) -> bool;

    /// # Safety
    /// The word may be read, as was asked before.
    unsafe fn read(&mut self, address: usize) -> Option<usize>;
}

/// The thread's own stack, up to its end.
pub(super) struct Own {
    end: usize,
    /// A frame pointer is no higher.
    last: usize,
}

impl Own {
    pub(super) fn new(end: usize) -> Self {
        Self { end, last: end.saturating_sub(2 * WORD) }
    }
}

impl Memory for Own {
    #[inline(always)]
    fn holds(&mut self, stack: usize, end: usize, below: usize) -> bool {
        stack < end
            && end <= self.end
            && end.is_multiple_of(WORD)
            && end.wrapping_sub(stack) >= below
    }

    #[inline(always)]
    fn holds_kept(&mut self, stack: usize, frame: usize) -> bool {
        frame >= stack && frame <= self.last && frame.is_multiple_of(WORD)
    }

    fn may_go_on(&self, from: usize, to: usize) -> bool {
        from < to && to < self.end && to.is_multiple_of(WORD)
    }

    #[inline(always)]
    unsafe fn read(&mut self, address: usize) -> Option<usize> {
        let place: *const usize = core::ptr::with_exposed_provenance(address);
        // SAFETY: the word lies between the stack pointer of a function that has
        // not returned and the end of the thread's stack.
        Some(unsafe { place.read_volatile() })
    }
}

/// Odd, and not that of the keys.
const HASH_FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

/// Walks up from the registers, and answers a hash of the frames.
///
/// # Safety
/// The registers are those of a function that has not returned, on the stack
/// that the memory reads.
#[inline(always)]
pub(super) unsafe fn walk<M: Memory>(
    frames: &mut Frames,
    depth: usize,
    registers: Registers,
    generation: u32,
    memory: &mut M,
) -> u64 {
    let depth = depth.min(STACK_DEPTH_MAX);
    let kept = Packed::kept(generation);
    let Registers { code, mut stack, mut frame } = registers;
    // Of the instruction that is under way: of a return address, the call.
    let mut lookup = code;
    let mut key = Key::of(code);
    let (mut count, mut hash, mut before) = (0_usize, 0_u64, 0_u64);
    let end = loop {
        let code;
        if RULES.is(key, kept) {
            let top = frame.wrapping_add(2 * WORD);
            if !memory.holds_kept(stack, frame) {
                break if frame == 0 { End::Whole } else { End::Lost };
            }
            // SAFETY: asked just now.
            let Some(found) = (unsafe { memory.read(frame.wrapping_add(WORD)) }) else {
                break End::Lost;
            };
            // SAFETY: as above.
            let Some(caller) = (unsafe { memory.read(frame) }) else { break End::Lost };
            (code, stack, frame) = (unsigned(found), top, caller);
        } else {
            match rule(key, generation, lookup) {
                Found::Rule(Rule::Step(step)) => {
                    // SAFETY: the caller's promise.
                    match unsafe { stepped(step, stack, frame, memory) } {
                        Ok(above) => Registers { code, stack, frame } = above,
                        Err(end) => break end,
                    }
                }
                Found::Rule(Rule::Signal) => {
                    match signal::interrupted(Registers { code: lookup, stack, frame }, memory) {
                        Some(above) => {
                            (stack, frame) = (above.stack, above.frame);
                            // Not a call: the very instruction.
                            code = above.code.wrapping_add(1);
                        }
                        None => break End::Lost,
                    }
                }
                Found::Rule(Rule::Outermost) => break End::Whole,
                // What marks the outermost frame where nothing else does.
                Found::Rule(Rule::Silent) if frame == 0 => break End::Whole,
                Found::Rule(Rule::Silent) => break End::Lost,
                Found::Busy => break End::Busy,
                Found::NoCode => {
                    // So it was no return address, or one that nobody can judge.
                    if count > 0 {
                        (count, hash) = (count - 1, before);
                    }
                    break End::Lost;
                }
            }
        }
        if code == 0 {
            break End::Whole;
        }
        if count == depth {
            break End::Cut;
        }
        // SAFETY: the count is below the depth, and that is in bounds.
        unsafe { frames.put(count, code) };
        count += 1;
        lookup = code.wrapping_sub(1);
        let spread = Key::of(code);
        (before, hash) = (hash, mixed(hash, spread));
        key = spread.of_call();
    };
    // SAFETY: the loop counts the frames that it puts.
    unsafe { frames.finish(count, end) };
    folded(hash)
}

/// The caller's registers, by a rule; else how the way ends.
///
/// # Safety
/// As of [`walk`].
#[inline(always)]
unsafe fn stepped<M: Memory>(
    step: Step,
    stack: usize,
    frame: usize,
    memory: &mut M,
) -> Result<Registers, End> {
    let base = match step.base {
        Base::StackPointer => stack,
        Base::FramePointer if frame == 0 => return Err(End::Whole),
        Base::FramePointer => frame,
    };
    let top = base.wrapping_add(step.up.wrapping_mul(WORD));
    let lowest = step.frame_pointer.max(step.return_address).wrapping_mul(WORD);
    if !memory.holds(stack, top, lowest) {
        return Err(End::Lost);
    }
    let at = |words: usize| top.wrapping_sub(words.wrapping_mul(WORD));
    // SAFETY: asked just now.
    let code = unsafe { memory.read(at(step.return_address)) }.ok_or(End::Lost)?;
    let frame = if step.frame_pointer == 0 {
        frame
    } else {
        // SAFETY: as above.
        unsafe { memory.read(at(step.frame_pointer)) }.ok_or(End::Lost)?
    };
    Ok(Registers { code: unsigned(code), stack: top, frame })
}

/// The hash with one frame more. The multiplication of the address is off the
/// chain from frame to frame.
#[inline(always)]
fn mixed(hash: u64, key: Key) -> u64 {
    let spread = key.spread();
    hash.wrapping_mul(HASH_FACTOR).wrapping_add(spread ^ spread >> 32)
}

#[inline(always)]
fn folded(hash: u64) -> u64 {
    let wide = u128::from(hash).wrapping_mul(u128::from(HASH_FACTOR));
    wide as u64 ^ (wide >> 64) as u64
}

#[inline(always)]
fn rule(key: Key, generation: u32, lookup: usize) -> Found {
    match RULES.get(key, generation) {
        Some(rule) => Found::Rule(rule),
        None => learned(lookup),
    }
}

#[cold]
#[inline(never)]
fn learned(lookup: usize) -> Found {
    unwinder::rule_at(lookup)
}
