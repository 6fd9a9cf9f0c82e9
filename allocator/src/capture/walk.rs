//! The way up a stack, frame by frame.

use super::frames::{End, Frames};
use super::memory::Memory;
use super::registers::{Registers, unsigned};
use super::rules::{Base, KEPT, Key, Packed, Rule, Step};
use super::unwinder::{self, Found};
use super::{RULES, signal};

const WORD: usize = size_of::<usize>();

/// Walks up from the registers, whose code address is as one that a call returns
/// to, and answers how that ended.
///
/// # Safety
/// The registers are those of a function that has not returned, on the stack
/// that the memory reads.
pub(super) unsafe fn walk(
    frames: &mut Frames,
    depth: usize,
    registers: Registers,
    generation: u32,
    memory: &mut impl Memory,
) -> End {
    let mut at = registers;
    for count in 0.. {
        // SAFETY: the caller's promise.
        match unsafe { up(at, generation, memory) } {
            Ok(above) => at = above.registers,
            Err(stop) => {
                // It was no return address, or one that nobody can judge.
                if stop == Stop::NoCode {
                    frames.pop();
                }
                return stop.into();
            }
        }
        // What stands above the outermost frame.
        if at.code == 0 {
            return End::Whole;
        }
        if count == depth || !frames.push(at.code) {
            break;
        }
    }
    End::Cut
}

/// Why there is no way on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
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

/// A frame's caller, and where the words stand that led to it.
#[derive(Clone, Copy)]
pub(super) struct Above {
    pub(super) registers: Registers,
    /// Where its code address was read.
    pub(super) code_at: usize,
    /// Where its frame pointer was read; 0 if it is that of the frame below.
    pub(super) frame_at: usize,
    /// Whether the way to it depends on the frame pointer below.
    pub(super) asks_frame: bool,
    /// Whether it follows from these words alone.
    pub(super) is_step: bool,
}

/// Goes up to a frame's caller, by the rule that is known of the code or found
/// out now.
///
/// # Safety
/// As of [`walk`].
#[inline(always)]
pub(super) unsafe fn up(
    at: Registers,
    generation: u32,
    memory: &mut impl Memory,
) -> Result<Above, Stop> {
    let key = Key::of(at.code);
    if RULES.is(key, Packed::kept(generation)) {
        // Of its own, since a step that is known to the compiler takes half.
        // SAFETY: the caller's promise.
        return unsafe { stepped(KEPT, at, memory) };
    }
    let known = RULES.get(key);
    let step = match known.filter(|packed| packed.is_step(generation)) {
        Some(packed) => packed.step(),
        None => match rule(known, generation, at, memory) {
            Ok(Onward::By(step)) => step,
            Ok(Onward::At(registers)) => {
                let (asks_frame, is_step) = (true, false);
                return Ok(Above { registers, code_at: 0, frame_at: 0, asks_frame, is_step });
            }
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

/// The caller, by a step.
///
/// # Safety
/// As of [`walk`].
#[inline(always)]
unsafe fn stepped(step: Step, at: Registers, memory: &mut impl Memory) -> Result<Above, Stop> {
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
    let code_at = place(step.return_address);
    // SAFETY: asked just now.
    let code = unsafe { memory.read(code_at) }.ok_or(Stop::Lost)?;
    let (frame, frame_at) = if step.frame_pointer == 0 {
        (at.frame, 0)
    } else {
        let frame_at = place(step.frame_pointer);
        // SAFETY: as above.
        (unsafe { memory.read(frame_at) }.ok_or(Stop::Lost)?, frame_at)
    };
    Ok(Above {
        registers: Registers { code: unsigned(code), stack: top, frame },
        code_at,
        frame_at,
        asks_frame: step.base == Base::FramePointer,
        is_step: true,
    })
}
