//! How to get from a frame to its caller, by code address: what the unwinder
//! found out once, in one word an address, for every thread to read.
//!
//! A word holds the rest of the address that its place does not tell, and the
//! rule. So an answer is for this very address or there is none, no lock is
//! needed, and a word is never half written.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::limits::STACK_RULES_MAX;

/// What the frame of the caller is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    StackPointer,
    FramePointer,
}

/// Where a frame ends, and what it keeps there. Distances are in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) base: Base,
    /// From the base up to the frame's end, which is the caller's stack pointer.
    pub(super) up: usize,
    /// From the end down to the caller's frame pointer; 0: it is as it was.
    pub(super) frame_pointer: usize,
    /// From the end down to the return address.
    pub(super) return_address: usize,
}

/// What is known of a code address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Step(Step),
    /// No frame is above this one.
    Outermost,
    /// The kernel called this: what was interrupted stands at the stack pointer.
    Signal,
    /// It says nothing about its frame, or what cannot be followed.
    Silent,
}

/// What a function does that keeps a frame pointer.
pub(super) const KEPT: Step =
    Step { base: Base::FramePointer, up: 2, frame_pointer: 2, return_address: 1 };

/// Of a word's bits; the others are the address's.
const RULE_BITS: u32 = 31;
const KIND_BITS: u32 = 3;
#[cfg(target_arch = "x86_64")]
mod layout {
    pub(super) const GENERATION_BITS: u32 = 6;
    pub(super) const UP_BITS: u32 = 16;
    pub(super) const UP_UNIT: usize = 1;
    pub(super) const FRAME_POINTER_BITS: u32 = 6;
    /// It stands right below the frame's end.
    pub(super) const RETURN_ADDRESS_BITS: u32 = 0;
}
#[cfg(not(target_arch = "x86_64"))]
mod layout {
    pub(super) const GENERATION_BITS: u32 = 4;
    pub(super) const UP_BITS: u32 = 12;
    /// The stack pointer is a multiple of this many words.
    pub(super) const UP_UNIT: usize = 2;
    pub(super) const FRAME_POINTER_BITS: u32 = 6;
    pub(super) const RETURN_ADDRESS_BITS: u32 = 6;
}
use layout::{FRAME_POINTER_BITS, GENERATION_BITS, RETURN_ADDRESS_BITS, UP_BITS, UP_UNIT};

const _: () = assert!(
    KIND_BITS + GENERATION_BITS + UP_BITS + FRAME_POINTER_BITS + RETURN_ADDRESS_BITS == RULE_BITS
);
/// Generations of the modules go round; 0 is none.
pub(super) const GENERATION_MAX: u32 = (1 << GENERATION_BITS) - 1;

const GENERATION_SHIFT: u32 = KIND_BITS;
const UP_SHIFT: u32 = GENERATION_SHIFT + GENERATION_BITS;
const FRAME_POINTER_SHIFT: u32 = UP_SHIFT + UP_BITS;
const RETURN_ADDRESS_SHIFT: u32 = FRAME_POINTER_SHIFT + FRAME_POINTER_BITS;

const FROM_STACK_POINTER: u32 = 1;
const FROM_FRAME_POINTER: u32 = 2;
const OUTERMOST: u32 = 3;
const SIGNAL: u32 = 4;
const SILENT: u32 = 5;

/// A rule and the generation that it is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed(u32);

impl Packed {
    /// `None` where a distance does not fit: no such frame can be followed.
    pub(super) const fn new(rule: Rule, generation: u32) -> Option<Self> {
        let word = match rule {
            Rule::Step(step) => {
                let kind = match step.base {
                    Base::StackPointer => FROM_STACK_POINTER,
                    Base::FramePointer => FROM_FRAME_POINTER,
                };
                let up = step.up / UP_UNIT;
                if !step.up.is_multiple_of(UP_UNIT)
                    || up >> UP_BITS != 0
                    || step.frame_pointer >> FRAME_POINTER_BITS != 0
                    || !fits(step.return_address)
                {
                    return None;
                }
                let return_address = if RETURN_ADDRESS_BITS == 0 {
                    0
                } else {
                    (step.return_address as u32).unbounded_shl(RETURN_ADDRESS_SHIFT)
                };
                kind | (up as u32) << UP_SHIFT
                    | (step.frame_pointer as u32) << FRAME_POINTER_SHIFT
                    | return_address
            }
            Rule::Outermost => OUTERMOST,
            Rule::Signal => SIGNAL,
            Rule::Silent => SILENT,
        };
        Some(Self(word | generation << GENERATION_SHIFT))
    }

    /// That of code that keeps frame pointers.
    #[inline(always)]
    pub(super) const fn kept(generation: u32) -> Self {
        const WORD: u32 = match Packed::new(Rule::Step(KEPT), 0) {
            Some(packed) => packed.0,
            None => 0,
        };
        Self(WORD | generation << GENERATION_SHIFT)
    }

    /// Whether it is a step, of this generation.
    #[inline(always)]
    pub(super) fn is_step(self, generation: u32) -> bool {
        let is_current = self.0 >> GENERATION_SHIFT & GENERATION_MAX == generation;
        is_current && matches!(self.kind(), FROM_STACK_POINTER | FROM_FRAME_POINTER)
    }

    #[inline(always)]
    const fn kind(self) -> u32 {
        self.0 & ((1 << KIND_BITS) - 1)
    }

    /// The step, if it is one.
    #[inline(always)]
    pub(super) fn step(self) -> Step {
        let base =
            if self.kind() == FROM_FRAME_POINTER { Base::FramePointer } else { Base::StackPointer };
        let up = (self.0 >> UP_SHIFT & ((1 << UP_BITS) - 1)) as usize;
        let up = up.wrapping_mul(UP_UNIT);
        let frame_pointer =
            (self.0 >> FRAME_POINTER_SHIFT & ((1 << FRAME_POINTER_BITS) - 1)) as usize;
        let return_address = if RETURN_ADDRESS_BITS == 0 {
            1
        } else {
            self.0.unbounded_shr(RETURN_ADDRESS_SHIFT) as usize
        };
        Step { base, up, frame_pointer, return_address }
    }

    /// The rule, if it is of this generation.
    pub(super) fn rule(self, generation: u32) -> Option<Rule> {
        if self.0 >> GENERATION_SHIFT & GENERATION_MAX != generation {
            return None;
        }
        match self.kind() {
            FROM_STACK_POINTER | FROM_FRAME_POINTER => Some(Rule::Step(self.step())),
            OUTERMOST => Some(Rule::Outermost),
            SIGNAL => Some(Rule::Signal),
            SILENT => Some(Rule::Silent),
            _ => None,
        }
    }
}

const fn fits(return_address: usize) -> bool {
    if RETURN_ADDRESS_BITS == 0 {
        return_address == 1
    } else {
        return_address >> RETURN_ADDRESS_BITS == 0
    }
}

/// Code addresses have this many bits.
const ADDRESS_BITS: u32 = 48;
const INDEX_BITS: u32 = STACK_RULES_MAX.trailing_zeros();
/// Odd, so that no two addresses have the same product.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

const _: () = assert!(STACK_RULES_MAX.is_power_of_two());
// What a pair of places does not tell of an address stands beside a rule.
const _: () = assert!(64 - ADDRESS_BITS + INDEX_BITS - 1 == RULE_BITS);

/// An address, spread so that neighbours are no neighbours, in the highest bits.
#[derive(Clone, Copy)]
pub(super) struct Key(u64);

impl Key {
    #[inline(always)]
    pub(super) const fn of(address: usize) -> Self {
        Self((address as u64).wrapping_mul(SPREAD << (64 - ADDRESS_BITS)))
    }

    #[inline(always)]
    const fn index(self) -> usize {
        (self.0 >> (64 - INDEX_BITS)) as usize
    }

    /// What a pair of places does not tell of the address, in the highest bits.
    #[inline(always)]
    const fn rest(self) -> u64 {
        self.0 << (INDEX_BITS - 1)
    }
}

/// The rules, two places an address.
pub(super) struct Rules([AtomicU64; STACK_RULES_MAX]);

impl Rules {
    pub(super) const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; STACK_RULES_MAX])
    }

    /// Whether the address's rule is this one, as far as its first place tells.
    #[inline(always)]
    pub(super) fn is(&self, key: Key, rule: Packed) -> bool {
        let word = self.0[key.index() % STACK_RULES_MAX].load(Ordering::Relaxed);
        word ^ key.rest() == u64::from(rule.0)
    }

    /// The address's rule, of whatever generation.
    #[inline(always)]
    pub(super) fn get(&self, key: Key) -> Option<Packed> {
        let first = key.index() % STACK_RULES_MAX;
        let is_key = |word: u64| (word ^ key.rest()) >> RULE_BITS == 0;
        let mut word = self.0[first].load(Ordering::Relaxed);
        if !is_key(word) {
            word = self.0[first ^ 1].load(Ordering::Relaxed);
            if !is_key(word) {
                return None;
            }
        }
        Some(Packed((word & ((1 << RULE_BITS) - 1)) as u32))
    }

    /// Notes a rule; the one that was there moves to the second place.
    pub(super) fn put(&self, key: Key, rule: Packed) {
        let first = key.index() % STACK_RULES_MAX;
        let before = self.0[first].swap(key.rest() | u64::from(rule.0), Ordering::Relaxed);
        if before != 0 {
            self.0[first ^ 1].store(before, Ordering::Relaxed);
        }
    }

    /// Forgets them all.
    pub(super) fn clear(&self) {
        for word in &self.0 {
            if word.load(Ordering::Relaxed) != 0 {
                word.store(0, Ordering::Relaxed);
            }
        }
    }
}
