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
    #[cfg(target_arch = "x86_64")]
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

    #[cfg(target_arch = "x86_64")]
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
    // Behind the instruction that is under way, as a return address is.
    let mut key = Key::of(code.wrapping_add(1));
    let (mut count, mut hash) = (0_usize, 0_u64);
    let mut code = code.wrapping_add(1);
    let end = 'way: loop {
        // A loop of its own, which is all that happens where frame pointers are
        // kept: the next address does not wait for what is known of this one.
        while RULES.is(key, kept) && memory.holds_kept(stack, frame) {
            // SAFETY: asked just now.
            let Some(found) = (unsafe { memory.read(frame.wrapping_add(WORD)) }) else {
                break 'way End::Lost;
            };
            // SAFETY: as above.
            let Some(caller) = (unsafe { memory.read(frame) }) else { break 'way End::Lost };
            (code, stack, frame) = (unsigned(found), frame.wrapping_add(2 * WORD), caller);
            if count == depth {
                break 'way End::Cut;
            }
            // SAFETY: the count is below the depth, and that is in bounds.
            unsafe { frames.put(count, code) };
            count = count.wrapping_add(1);
            key = Key::of(code);
            hash = mixed(hash, code);
        }
        let known = RULES.get(key);
        // SAFETY: the caller's promise.
        match unsafe { above(known, generation, Registers { code, stack, frame }, memory) } {
            Ok(above) => Registers { code, stack, frame } = above,
            Err(stop) => {
                // It was no return address, or one that nobody can judge.
                if stop == Stop::NoCode && count > 0 {
                    (count, hash) = (count - 1, unmixed(hash, code));
                }
                // What stands above the outermost frame.
                break if code == 0 { End::Whole } else { stop.into() };
            }
        }
        if count == depth {
            break End::Cut;
        }
        // SAFETY: as above.
        unsafe { frames.put(count, code) };
        count = count.wrapping_add(1);
        key = Key::of(code);
        hash = mixed(hash, code);
    };
    // SAFETY: the loop counts the frames that it puts.
    unsafe { frames.finish(count, end) };
    folded(hash)
}

/// Why there is no way on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Whole,
    Lost,
    Busy,
    NoCode,
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Whole => Self::Whole,
            Stop::Lost | Stop::NoCode => Self::Lost,
            Stop::Busy => Self::Busy,
        }
    }
}

/// The caller's registers, by the rule that is known of the code, if any.
///
/// # Safety
/// As of [`walk`].
#[inline(always)]
unsafe fn above<M: Memory>(
    known: Option<Packed>,
    generation: u32,
    at: Registers,
    memory: &mut M,
) -> Result<Registers, Stop> {
    let step = match known.filter(|packed| packed.is_step(generation)) {
        Some(packed) => packed.step(),
        None => match rule(known, generation, at, memory) {
            Ok(Onward::By(step)) => step,
            Ok(Onward::At(registers)) => return Ok(registers),
            Err(stop) => return Err(stop),
        },
    };
    // SAFETY: the caller's promise.
    unsafe { stepped(step, at, memory) }
}

/// How the way goes on.
enum Onward {
    By(Step),
    At(Registers),
}

/// What is no plain step, or not known yet.
#[cold]
#[inline(never)]
fn rule<M: Memory>(
    known: Option<Packed>,
    generation: u32,
    at: Registers,
    memory: &mut M,
) -> Result<Onward, Stop> {
    let found = match known.and_then(|packed| packed.rule(generation)) {
        Some(rule) => Found::Rule(rule),
        None => unwinder::rule_at(at.code),
    };
    match found {
        Found::Rule(Rule::Step(step)) => Ok(Onward::By(step)),
        Found::Rule(Rule::Signal) => {
            signal::interrupted(at, memory).map(Onward::At).ok_or(Stop::Lost)
        }
        Found::Rule(Rule::Outermost) => Err(Stop::Whole),
        // What marks the outermost frame where nothing else does.
        Found::Rule(Rule::Silent) if at.frame == 0 => Err(Stop::Whole),
        Found::Rule(Rule::Silent) => Err(Stop::Lost),
        Found::Busy => Err(Stop::Busy),
        Found::NoCode => Err(Stop::NoCode),
    }
}

/// The caller's registers, by a step.
///
/// # Safety
/// As of [`walk`].
#[inline(always)]
unsafe fn stepped<M: Memory>(step: Step, at: Registers, memory: &mut M) -> Result<Registers, Stop> {
    let base = match step.base {
        Base::StackPointer => at.stack,
        Base::FramePointer => at.frame,
    };
    let top = base.wrapping_add(step.up.wrapping_mul(WORD));
    let below = step.frame_pointer.max(step.return_address).wrapping_mul(WORD);
    if !memory.holds(at.stack, top, below) {
        // No frame pointer in code that keeps them: the outermost frame.
        return Err(if base == 0 { Stop::Whole } else { Stop::Lost });
    }
    let place = |words: usize| top.wrapping_sub(words.wrapping_mul(WORD));
    // SAFETY: asked just now.
    let code = unsafe { memory.read(place(step.return_address)) }.ok_or(Stop::Lost)?;
    let frame = if step.frame_pointer == 0 {
        at.frame
    } else {
        // SAFETY: as above.
        unsafe { memory.read(place(step.frame_pointer)) }.ok_or(Stop::Lost)?
    };
    Ok(Registers { code: unsigned(code), stack: top, frame })
}

/// The hash with one frame more: a polynomial of the addresses.
#[inline(always)]
fn mixed(hash: u64, code: usize) -> u64 {
    hash.wrapping_add(code as u64).wrapping_mul(HASH_FACTOR)
}

/// What the hash was before a frame.
fn unmixed(hash: u64, code: usize) -> u64 {
    const INVERSE: u64 = inverse(HASH_FACTOR);
    hash.wrapping_mul(INVERSE).wrapping_sub(code as u64)
}

/// By which an odd number's product is 1: each round doubles the bits that are
/// right, of which there are three at first.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut rounds = 0;
    while rounds < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        rounds += 1;
    }
    inverse
}
const _: () = assert!(HASH_FACTOR.wrapping_mul(inverse(HASH_FACTOR)) == 1);

#[inline(always)]
fn folded(hash: u64) -> u64 {
    let wide = u128::from(hash).wrapping_mul(u128::from(HASH_FACTOR));
    wide as u64 ^ (wide >> 64) as u64
}
