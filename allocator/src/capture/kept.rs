//! The frames of the last walk, and the walk that makes use of them.

use super::frames::{End, HASH_FACTOR, hash_with};
use super::memory::{Memory, Own};
use super::registers::{Registers, unsigned};
use super::walk::{self, Above, Stop};
use crate::limits::STACK_DEPTH_MAX;

/// The start, the frames that are kept of it, and one that tells whether there
/// are more.
const WALK_MAX: usize = STACK_DEPTH_MAX + 2;
/// Frames of two walks and more, and the mark. A power of two, so that an index
/// modulo this needs no check.
const COUNT: usize = (2 * WALK_MAX + 1).next_power_of_two();
/// Where the mark stands, behind the outermost frame.
const LAST: usize = COUNT - 1;

/// A frame, where the words stand that led to it, and what leads on.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Frame {
    at: Registers,
    /// Where its code address was read.
    code_at: usize,
    /// Where its frame pointer was read; 0 if it is that of the frame below.
    frame_at: usize,
    /// The same; 0 too where nothing depends on the frame pointer.
    compared_at: usize,
    /// That of this frame and all above it.
    hash: u64,
    /// Whether its rule asks for the frame pointer.
    asks_frame: bool,
    /// Whether anything above depends on the frame pointer.
    needs_frame: bool,
}

/// The frames stand as on the stack, the outermost last, before the mark. The
/// other end is where a walk puts those that are new.
pub(super) struct Kept {
    /// Of the rules that the walk went by; 0 where none is kept.
    generation: u32,
    /// Where the stack ends.
    end: usize,
    /// The walk's start.
    top: usize,
    /// Whether the last frame is the thread's outermost.
    is_whole: bool,
    /// The depth that was asked for last, and its power of the factor.
    depth: usize,
    power: u64,
    /// What was made of the last stack, and for whom; 0 for nobody.
    key: u32,
    answer: u32,
    frames: [Frame; COUNT],
}

/// From where a walk goes, and how far.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) registers: Registers,
    pub(super) depth: usize,
    /// Of the rules.
    pub(super) generation: u32,
    /// Where the stack ends.
    pub(super) end: usize,
}

/// What a walk found: the frames, in [`Kept::frames`], and their hash.
#[derive(Clone, Copy)]
pub(super) struct Found {
    start: usize,
    count: usize,
    pub(super) end: End,
    pub(super) hash: u64,
}

/// How a walk came to its end.
enum Way {
    /// At a frame from which on all is as it was.
    Joined(usize),
    /// By the rules, at the depth or at a word that is no address.
    Alone(End, usize),
}

/// What a walk goes by.
struct Walk {
    generation: u32,
    /// Frames that are wanted, the start included, and the one beyond.
    wanted: usize,
    /// New frames.
    count: usize,
    /// Whether each follows from the words that are compared.
    is_plain: bool,
}

impl Kept {
    /// Whether the stack is the last one.
    ///
    /// # Safety
    /// The registers are those of a function that has not returned, on the stack
    /// that ends there.
    #[inline(always)]
    pub(super) unsafe fn is_same(&self, asked: Asked) -> bool {
        let Asked { registers, depth, generation, end } = asked;
        let is_known = self.generation == generation && self.end == end && self.depth == depth;
        is_known
            && self.frames[self.top % COUNT].is_at(registers)
            // SAFETY: the caller's promise.
            && unsafe { self.changed_from(self.top, depth + 2, &mut Own::new(end)) }.is_none()
    }

    /// What was made of the last stack, if it was made for the same.
    #[inline(always)]
    pub(super) fn answer(&self, key: u32) -> Option<u32> {
        (self.key == key).then_some(self.answer)
    }

    /// Notes it.
    pub(super) fn keep(&mut self, key: u32, answer: u32) {
        (self.key, self.answer) = (key, answer);
    }

    /// The found frames' addresses, innermost first.
    pub(super) fn addresses(&self, found: Found) -> impl DoubleEndedIterator<Item = usize> {
        let frames = self.frames.get(found.start..).unwrap_or_default();
        frames.get(..found.count).unwrap_or_default().iter().map(|frame| frame.at.code)
    }

    /// Walks up the thread's own stack, which is the last one then.
    ///
    /// # Safety
    /// As of [`Kept::is_same`].
    pub(super) unsafe fn walk(&mut self, asked: Asked) -> Found {
        let Asked { registers, depth, generation, end } = asked;
        let wanted = depth + 2;
        // New frames have room before the old ones.
        let is_known = self.generation == generation && self.end == end && self.depth == depth;
        if !is_known || self.top < wanted {
            self.begin(generation, end, depth);
        }
        self.key = 0;
        let mut walk = Walk { generation, wanted, count: 0, is_plain: true };
        // SAFETY: the caller's promise.
        match unsafe { self.go(registers, &mut walk, &mut Own::new(end)) } {
            Way::Joined(old) => self.put_before(old, walk.count),
            Way::Alone(end @ (End::Whole | End::Cut), code_at) => {
                self.is_whole = end == End::Whole;
                self.frames[LAST] = Frame { code_at, ..MARK };
                if let Some(outermost) = self.frames[..walk.count % COUNT].last_mut() {
                    // What told that it is may have been its frame pointer.
                    outermost.asks_frame |= code_at == 0;
                }
                self.put_before(LAST, walk.count);
            }
            Way::Alone(end, _) => return self.lost(walk.count, end),
        }
        if !walk.is_plain {
            // Good for this once.
            self.generation = 0;
        }
        self.found()
    }

    /// Keeps nothing.
    #[cold]
    fn begin(&mut self, generation: u32, end: usize, depth: usize) {
        self.generation = generation;
        self.end = end;
        self.top = LAST;
        self.is_whole = false;
        self.frames[LAST] = MARK;
        self.depth = depth;
        self.power = HASH_FACTOR.wrapping_pow(depth as u32);
    }

    /// Goes up until a frame from which on all is as it was, or to the end.
    ///
    /// # Safety
    /// As of [`Kept::walk`].
    #[inline(always)]
    unsafe fn go(&mut self, at: Registers, walk: &mut Walk, memory: &mut Own) -> Way {
        let mut old = self.top;
        let (mut at, mut code_at, mut frame_at) = (at, 0, 0);
        loop {
            // The mark is above all.
            let further = self.frames[old % COUNT..].iter();
            old += further.take_while(|frame| frame.at.stack < at.stack).count();
            let met = &mut self.frames[old % COUNT];
            if met.is_at(at) {
                let wanted = walk.wanted - walk.count;
                // SAFETY: the caller's promise.
                let changed = unsafe { self.changed_from(old, wanted, memory) };
                self.frames[old % COUNT].come_by(at, code_at, frame_at);
                let Some(changed) = changed else { return Way::Joined(old) };
                // SAFETY: as above.
                at = unsafe { self.take_over(old, changed, walk, memory) };
                old = changed;
            } else {
                let new = &mut self.frames[walk.count % COUNT];
                (new.at, new.code_at, new.frame_at) = (at, code_at, frame_at);
                walk.count += 1;
            }
            if walk.count == walk.wanted {
                return Way::Alone(End::Cut, 0);
            }
            // SAFETY: the caller's promise.
            let above = match unsafe { walk::up(at, walk.generation, memory) } {
                Ok(above) => above,
                Err(Stop::Whole) => return Way::Alone(End::Whole, 0),
                Err(stop) => {
                    // It was no return address, or one that nobody can judge.
                    walk.count -= usize::from(stop == Stop::NoCode && walk.count > 1);
                    return Way::Alone(stop.into(), 0);
                }
            };
            self.frames[(walk.count - 1) % COUNT].asks_frame = above.asks_frame;
            walk.is_plain &= above.is_step;
            Above { registers: at, code_at, frame_at, .. } = above;
            if at.code == 0 {
                // What stands above the outermost frame.
                return Way::Alone(End::Whole, code_at);
            }
        }
    }

    /// The first frame that is not as it was, or the mark; `None` where all are
    /// as they were, or as many as are wanted from a frame on that is.
    ///
    /// # Safety
    /// As of [`Kept::walk`].
    #[inline(always)]
    unsafe fn changed_from(&self, old: usize, wanted: usize, memory: &mut Own) -> Option<usize> {
        let limit = LAST.min(old + wanted);
        let Some(above) = self.frames.get(old + 1..limit) else { return Some(old) };
        for (index, frame) in above.iter().enumerate() {
            // SAFETY: the frame below is as it was, so this one's words are above
            // it, before the stack's end.
            if !unsafe { frame.holds(memory) } {
                return Some(old + 1 + index);
            }
        }
        if limit < LAST || limit - old == wanted {
            return None;
        }
        let code_at = self.frames[LAST].code_at;
        // SAFETY: as above.
        let ends = code_at == 0 || unsafe { memory.read(code_at) } == Some(0);
        (!self.is_whole || !ends).then_some(LAST)
    }

    /// Takes frames that are as they were among the new ones, since those above
    /// them are not, and answers the last one's registers. Frame pointers that
    /// nothing depended on are read anew.
    ///
    /// # Safety
    /// As of [`Kept::walk`].
    unsafe fn take_over(
        &mut self,
        old: usize,
        changed: usize,
        walk: &mut Walk,
        memory: &mut Own,
    ) -> Registers {
        let mut at = self.frames[old % COUNT].at;
        for index in old..changed {
            let mut taken = self.frames[index % COUNT];
            if index > old && taken.frame_at != 0 {
                // SAFETY: the frame is as it was, and so is where this stands.
                taken.at.frame = unsafe { memory.read(taken.frame_at) }.unwrap_or(0);
            } else {
                taken.at.frame = at.frame;
            }
            at = taken.at;
            self.frames[walk.count % COUNT] = taken;
            walk.count += 1;
        }
        at
    }

    /// Moves the new frames to where they are compared next time.
    #[inline(always)]
    fn put_before(&mut self, old: usize, count: usize) {
        let top = old - count;
        let above = &mut self.frames[old % COUNT];
        above.compare();
        let (mut hash, mut needs_frame) = (above.hash, above.needs_frame);
        let mut is_same_frame = above.frame_at == 0;
        for index in (0..count).rev() {
            let Frame { at, code_at, frame_at, asks_frame, .. } = self.frames[index % COUNT];
            // What it held may be no frame pointer, but anything.
            self.frames[index % COUNT].at.frame = 0;
            hash = hash_with(hash, at.code);
            needs_frame = asks_frame || is_same_frame && needs_frame;
            is_same_frame = frame_at == 0;
            let place = &mut self.frames[(top + index) % COUNT];
            (place.at, place.code_at, place.frame_at) = (at, code_at, frame_at);
            (place.hash, place.asks_frame, place.needs_frame) = (hash, asks_frame, needs_frame);
            place.compare();
        }
        self.top = top;
    }

    /// The last stack: the frames from the top on.
    #[inline(always)]
    pub(super) fn found(&self) -> Found {
        let start = self.top + 1;
        let all = LAST - start;
        let whole = self.frames[start % COUNT].hash;
        if all <= self.depth {
            return Found { start, count: all, end: End::Whole, hash: whole };
        }
        let beyond = self.frames[(start + self.depth) % COUNT].hash;
        let hash = whole.wrapping_sub(beyond.wrapping_mul(self.power));
        Found { start, count: self.depth, end: End::Cut, hash }
    }

    /// New frames that are not kept.
    #[cold]
    fn lost(&mut self, count: usize, end: End) -> Found {
        self.generation = 0;
        for frame in self.frames.iter_mut().take(count) {
            // As in `put_before`.
            frame.at.frame = 0;
        }
        let count = count.saturating_sub(1).min(self.depth);
        let frames = &self.frames[1..1 + count];
        let hash = frames.iter().rev().fold(0, |hash, frame| hash_with(hash, frame.at.code));
        Found { start: 1, count, end, hash }
    }
}

/// What stands behind the outermost frame: nothing is above it.
const MARK: Frame = Frame {
    at: Registers { code: 0, stack: usize::MAX, frame: 0 },
    code_at: 0,
    frame_at: 0,
    compared_at: 0,
    hash: 0,
    asks_frame: false,
    needs_frame: false,
};

impl Frame {
    /// Whether these are its registers, as far as anything depends on them.
    #[inline(always)]
    fn is_at(&self, at: Registers) -> bool {
        self.at.code == at.code
            && self.at.stack == at.stack
            && (!self.needs_frame || self.at.frame == at.frame)
    }

    /// Whether the words that led to it are as they were.
    ///
    /// # Safety
    /// The frame below is as it was, on the stack that is read.
    #[inline(always)]
    unsafe fn holds(&self, memory: &mut Own) -> bool {
        // SAFETY: the caller's promise.
        let code = unsafe { memory.read(self.code_at) };
        if code.map(unsigned) != Some(self.at.code) {
            return false;
        }
        // SAFETY: as above.
        self.compared_at == 0 || unsafe { memory.read(self.compared_at) } == Some(self.at.frame)
    }

    /// Another way led to it.
    #[inline(always)]
    fn come_by(&mut self, at: Registers, code_at: usize, frame_at: usize) {
        self.at.frame = at.frame;
        self.code_at = code_at;
        self.frame_at = frame_at;
    }

    /// Notes what is to be compared. A frame pointer on which nothing depends
    /// may be anything, such as a piece of a key, and is not kept.
    #[inline(always)]
    fn compare(&mut self) {
        let mask = if self.needs_frame { usize::MAX } else { 0 };
        self.compared_at = self.frame_at & mask;
        self.at.frame &= mask;
    }
}
