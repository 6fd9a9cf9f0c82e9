//! A stack by what stood there the last time is the one by the rules.
//!
//! The stacks are made up: frames of real code whose rules are known, which are
//! changed a little from one capture to the next.

use super::garbage::{Random, real_code};
use super::looks::{TOLD, prepared, teller, unchanged};
use crate::capture::registers::Registers;
use crate::capture::rules::{Base, Rule, Step};
use crate::capture::unwinder::{self, Found};
use crate::capture::{Bounds, Memo, Stack, stack_from};

const WORDS: usize = 2048;
const FRAMES: usize = 90;

#[derive(Clone, Copy)]
struct Code {
    address: usize,
    step: Step,
}

/// A frame that stands on the stack: where, and whose.
#[derive(Clone, Copy)]
struct Stood {
    stack: usize,
    code: Code,
    /// Its frame pointer.
    frame: usize,
    /// Where its caller stands.
    top: usize,
}

/// Words that make a stack. Frames are put from the innermost on.
struct Made {
    start: usize,
    frames: Vec<Stood>,
}

impl Made {
    fn new() -> Self {
        let start = crate::os::map_private(WORDS * 8) as usize;
        Self { start, frames: Vec::new() }
    }

    fn end(&self) -> usize {
        self.start + WORDS * 8
    }

    fn write(&self, address: usize, word: usize) {
        assert!((self.start..self.end()).contains(&address));
        let place: *mut usize = std::ptr::with_exposed_provenance_mut(address);
        // SAFETY: the word is of the mapping, which nobody else uses.
        unsafe { place.write_volatile(word) };
    }

    /// Puts frames from here up: as many as there is room for, the last one
    /// outermost. Where frames stand already, it may end in one of those.
    fn put(&mut self, random: &mut Random, from: usize, codes: &[Code], onto: Option<usize>) {
        let kept = onto.map_or(Vec::new(), |index| self.frames.split_off(index));
        let limit = kept.first().map_or(self.end() - 64 * 8, |frame| frame.stack);
        self.frames.truncate(from);
        let anywhere = self.start + random.below(40) * 8;
        let mut stack = self.frames.last().map_or(anywhere, |below| below.top);
        // Where the frame pointer of now was read: in no word yet.
        let mut frame_at = None;
        let mut frame = random.next();
        let first = self.frames.len();
        while stack + 50 * 8 < limit && self.frames.len() < FRAMES {
            let code = codes[random.below(codes.len())];
            let Step { base, up, frame_pointer, return_address } = code.step;
            let mut top = stack + up * 8;
            if base == Base::FramePointer {
                top = stack + (frame_pointer.max(return_address) + random.below(6)) * 8;
                frame = top - up * 8;
                self.settle(first, frame_at, frame);
            }
            self.frames.push(Stood { stack, code, frame, top });
            if frame_pointer != 0 {
                frame = if random.below(2) == 0 { random.next() } else { top + 16 };
                frame_at = Some((top - frame_pointer * 8, self.frames.len()));
                self.write(top - frame_pointer * 8, frame);
            }
            self.link(self.frames.len() - 1, 0);
            stack = top;
        }
        // One more that ends where the kept ones begin.
        let reach = codes.iter().find(|code| code.step.base == Base::FramePointer);
        if let (Some(outer), Some(code)) = (kept.first(), reach) {
            let Step { up, frame_pointer, .. } = code.step;
            self.settle(first, frame_at, limit - up * 8);
            let frame = limit - up * 8;
            self.frames.push(Stood { stack, code: *code, frame, top: limit });
            if frame_pointer != 0 {
                self.write(limit - frame_pointer * 8, outer.frame);
            }
            self.link(self.frames.len() - 1, outer.code.address);
        }
        self.frames.extend(kept);
    }

    /// What the frames from one on have as their frame pointer.
    fn settle(&mut self, first: usize, read: Option<(usize, usize)>, frame: usize) {
        let since = match read {
            Some((address, since)) => {
                self.write(address, frame);
                since
            }
            None => first,
        };
        for stood in &mut self.frames[since..] {
            stood.frame = frame;
        }
    }

    /// Writes where a frame returns to, and that the frame below returns to it.
    fn link(&self, index: usize, above: usize) {
        let Stood { code, top, .. } = self.frames[index];
        self.write(top - code.step.return_address * 8, above);
        if let Some(below) = index.checked_sub(1) {
            let Stood { code: other, top, .. } = self.frames[below];
            self.write(top - other.step.return_address * 8, code.address);
        }
    }

    fn registers(&self, index: usize) -> Registers {
        let Stood { stack, code, frame, .. } = self.frames[index];
        Registers { code: code.address - 1, stack, frame }
    }
}

fn codes() -> Vec<Code> {
    let step = |address: usize| match unwinder::rule_at(address) {
        Found::Rule(Rule::Step(step)) if step.up <= 40 && step.frame_pointer <= step.up.min(10) => {
            Some(Code { address, step })
        }
        _ => None,
    };
    real_code().into_iter().filter_map(step).collect()
}

#[test]
fn what_stood_there_the_last_time_is_what_the_rules_say() {
    prepared();
    let _unchanged = unchanged();
    let codes = codes();
    assert!(codes.len() > 20, "{}", codes.len());
    let memo = Memo::make();
    let mut random = Random(5);
    let mut made = Made::new();
    made.put(&mut random, 0, &codes, None);
    let bounds = Bounds { lowest: made.start, highest: made.end() };
    let (mut depth, mut start, mut longest) = (256, 0, 0);
    for round in 0..100_000 {
        let count = made.frames.len();
        match random.below(16) {
            0..=3 => start = random.below(count),
            4 => made.put(&mut random, count / 2, &codes, None),
            // Where there is room for another way to it.
            5 if start > 12 => {
                made.put(&mut random, 0, &codes, Some(start));
                start = 0;
            }
            // A call from elsewhere in the same function.
            6..=8 => {
                let index = random.below(count);
                let old = made.frames[index].code;
                let alike: Vec<Code> =
                    codes.iter().filter(|code| code.step == old.step).copied().collect();
                made.frames[index].code = alike[random.below(alike.len())];
                let above = made.frames.get(index + 1).map_or(0, |above| above.code.address);
                made.link(index, above);
            }
            // Anything, anywhere: also what nothing depends on.
            9..=11 => {
                let address = made.start + random.below(WORDS) * 8;
                let word = [0, address + 64, random.next()][random.below(3)];
                made.write(address, word);
            }
            12 if round % 8 == 0 => depth = [0, 1, 7, 30, 256][random.below(5)],
            _ => {}
        }
        // Begun anew now and then, since words were broken.
        if round % 64 == 0 {
            made.put(&mut random, 0, &codes, None);
        }
        start = start.min(made.frames.len() - 1);
        let mut registers = made.registers(start);
        if random.below(8) == 0 {
            registers.frame = random.next();
        }
        let key = 1 + random.below(3) as u32;
        let made_of = |stack: &Stack<'_>| Some(stack.hash as u32 ^ key);
        // By what was made of the last one, too, in every other round.
        let answer = (round % 2 == 0).then(|| {
            // SAFETY: nobody's registers: a walk reads only between the stack
            // pointer and the stack's end, all of which can be read.
            unsafe { stack_from(memo, key, depth, bounds, registers, made_of) }
        });
        let both = [None, memo].map(|memo| {
            let mut told = None;
            let tell = teller(&mut told);
            // SAFETY: as above.
            unsafe { stack_from(memo, TOLD, depth, bounds, registers, tell) };
            told.expect("each is told")
        });
        let [plain, by_memo] = both;
        assert_eq!(by_memo, plain, "round {round}");
        if let Some(answer) = answer {
            assert_eq!(answer, Some(plain.2 as u32 ^ key), "round {round}");
        }
        longest = longest.max(plain.0.len());
    }
    assert!(longest > 60, "{longest}");
}
