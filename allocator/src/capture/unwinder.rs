//! What frames look like, found out by `framehop` from the tables that compilers
//! leave for unwinding.
//!
//! The unwinder does not walk: it is asked, once an address, what it would do,
//! on registers that stand for themselves. What it reads and answers tells the
//! rule, which holds for every frame of this code.

use core::sync::atomic::Ordering;

use framehop::{
    CacheNative, FrameAddress, MustNotAllocateDuringUnwind, UnwindRegsNative, Unwinder as _,
    UnwinderNative,
};
use spin::mutex::SpinMutex;

use super::modules::{Code, Context, Section};
use super::rules::{Base, KEPT, Key, Packed, Rule, Step};
use super::signal;
use super::{GENERATION, RULES};
use crate::limits::UNWINDER_SEATS;

/// An unwinder that knows the modules.
pub(super) type Unwinder = UnwinderNative<Section, MustNotAllocateDuringUnwind>;
type Cache = CacheNative<MustNotAllocateDuringUnwind>;

/// One at a time works with it: each has a cache, which takes no two.
pub(super) struct Seat {
    unwinder: Unwinder,
    cache: Cache,
    context: Box<Context>,
    code: Vec<Code>,
    generation: u32,
}

impl Seat {
    /// Allocates.
    pub(super) fn new(unwinder: Unwinder, code: Vec<Code>, generation: u32) -> Self {
        let context = Box::new(Context::new_in());
        Self { unwinder, cache: Cache::new_in(), context, code, generation }
    }
}

static SEATS: [SpinMutex<Option<Seat>>; UNWINDER_SEATS] =
    [const { SpinMutex::new(None) }; UNWINDER_SEATS];

/// What is known of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Rule(Rule),
    /// No module has code there.
    NoCode,
    /// All seats are taken.
    Busy,
}

/// Puts new seats in the place of the old ones. A seat that is taken for long,
/// as by a thread that a fork did not copy, is left alone.
pub(super) fn replace(mut seat: impl FnMut() -> Seat) {
    const TRIES: u32 = 200;
    for place in &SEATS {
        let new = seat();
        for tries in 0..TRIES {
            if let Some(mut old) = place.try_lock() {
                let old_seat = old.replace(new);
                // It frees memory, which must not happen under the lock.
                drop(old);
                drop(old_seat);
                break;
            }
            crate::os::back_off(tries);
        }
    }
}

/// Finds out the rule of an instruction and notes it, by the address right
/// behind it or in it but behind its first byte, as a return address is.
pub(super) fn rule_at(behind: usize) -> Found {
    let lookup = behind.wrapping_sub(1);
    // Some rounds: nobody takes a seat for longer than some microseconds, and
    // whoever has one may be finding out this very rule.
    const ROUNDS: usize = 50;
    let first = lookup >> 4;
    for turn in 0..ROUNDS * UNWINDER_SEATS {
        if turn >= UNWINDER_SEATS
            && let Some(rule) = known(behind)
        {
            return Found::Rule(rule);
        }
        let Some(mut guard) = SEATS[(first + turn) % UNWINDER_SEATS].try_lock() else { continue };
        let Some(seat) = guard.as_mut() else { return Found::NoCode };
        let Some(module) = seat.code.iter().find(|module| module.holds(lookup)) else {
            return Found::NoCode;
        };
        // A handler returns to where the kernel said, and so does no call.
        let is_signal = module.bytes(behind).is_some_and(signal::is_return);
        // Where the unwinder cannot follow a table, or finds none, it answers
        // that there is a frame pointer. There is one if the table says so.
        let is_kept = module.keeps_frame_pointer(lookup, &mut seat.context);
        let rule = match rule_of(seat, behind) {
            _ if is_signal => Rule::Signal,
            Some(Rule::Step(KEPT)) if !is_kept => Rule::Silent,
            rule => rule.unwrap_or(Rule::Silent),
        };
        let generation = seat.generation;
        let packed = Packed::new(rule, generation).map(|packed| (rule, packed));
        let silent = || Some((Rule::Silent, Packed::new(Rule::Silent, generation)?));
        let Some((rule, packed)) = packed.or_else(silent) else { return Found::NoCode };
        // Under the seat's lock: whoever replaces it knows that no rule of the
        // old modules comes later.
        RULES.put(Key::of(behind), packed);
        return Found::Rule(rule);
    }
    Found::Busy
}

/// What another thread has found out by now.
fn known(behind: usize) -> Option<Rule> {
    RULES.get(Key::of(behind))?.rule(GENERATION.load(Ordering::Relaxed))
}

/// What the unwinder does at an address that a call returns to, whatever the
/// registers.
fn rule_of(seat: &mut Seat, behind: usize) -> Option<Rule> {
    let address = FrameAddress::from_return_address(behind as u64)?;
    let first = answer(seat, address, 0x10_0000_0000, 0x20_0000_0000)?;
    let again = answer(seat, address, 0x31_0000_4440, 0x51_0000_8880)?;
    (first == again).then_some(first)
}

/// The unwinder's answer for a stack pointer and a frame pointer, if it follows
/// from these two.
fn answer(seat: &mut Seat, address: FrameAddress, stack: u64, frame: u64) -> Option<Rule> {
    const WORD: u64 = size_of::<usize>() as u64;
    /// What the words read are: their numbers, from here on.
    const READ: u64 = 0x7000_0000_0000;
    const READS_MAX: usize = 8;
    /// A frame is no larger, bytes.
    const SIZE_MAX: u64 = 1 << 24;

    let mut reads = [0_u64; READS_MAX];
    let mut count = 0;
    let mut read = |address: u64| {
        *reads.get_mut(count).ok_or(())? = address;
        count += 1;
        Ok(READ + (count as u64 - 1) * 16)
    };
    let mut registers = registers(address.address(), stack, frame);
    let found = seat.unwinder.unwind_frame(address, &mut registers, &mut seat.cache, &mut read);
    let Some(code) = found.ok()? else { return Some(Rule::Outermost) };
    let place = |value: u64| {
        let index = value.checked_sub(READ)? / 16;
        reads.get(..count)?.get(usize::try_from(index).ok()?).copied()
    };
    let words_below = |end: u64, address: u64| {
        let distance = end.checked_sub(address)?;
        distance.is_multiple_of(WORD).then_some((distance / WORD) as usize)
    };
    let end = registers.sp();
    let (base, start) = if (frame..frame + SIZE_MAX).contains(&end) {
        (Base::FramePointer, frame)
    } else {
        (Base::StackPointer, stack)
    };
    let up = words_below(end, start).filter(|up| *up > 0)?;
    let frame_pointer = match frame_pointer(&registers) {
        same if same == frame => 0,
        read => words_below(end, place(read)?)?,
    };
    let return_address = words_below(end, place(code)?).filter(|words| *words > 0)?;
    Some(Rule::Step(Step { base, up, frame_pointer, return_address }))
}

#[cfg(target_arch = "x86_64")]
fn registers(code: u64, stack: u64, frame: u64) -> UnwindRegsNative {
    UnwindRegsNative::new(code, stack, frame)
}

#[cfg(target_arch = "aarch64")]
fn registers(_: u64, stack: u64, frame: u64) -> UnwindRegsNative {
    // What a link register holds is none of the words read, so no rule follows
    // from an answer that it would do.
    UnwindRegsNative::new(1, stack, frame)
}

#[cfg(target_arch = "x86_64")]
fn frame_pointer(registers: &UnwindRegsNative) -> u64 {
    registers.bp()
}

#[cfg(target_arch = "aarch64")]
fn frame_pointer(registers: &UnwindRegsNative) -> u64 {
    registers.fp()
}

/// Whether this code keeps frame pointers, as far as its rule tells.
pub(super) fn keeps_frame_pointers(code: usize) -> bool {
    rule_at(code) == Found::Rule(Rule::Step(KEPT))
}
