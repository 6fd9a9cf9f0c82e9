//! How a block is held.

use super::pages::Plain;

/// What holds a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// The stack of a thread, by the system's id of it.
    Stack { thread: u32 },
    /// A thread-local variable of a thread.
    ThreadLocal { thread: u32 },
    /// A register of a thread.
    Register { thread: u32 },
    /// A variable of a loaded file, by the number of the place in it.
    Static { place: u32 },
    /// Memory of the C library's heap that is no block, or mapped by others.
    Elsewhere,
    /// Another block, by its number.
    Block { parent: u32 },
    /// Nothing, or nothing but its own cycle.
    Lost,
    /// A block that is lost itself, by its number.
    LostThrough { parent: u32 },
}

/// The same, and where the chain of blocks begins, in a few words.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Verdict {
    kind: u8,
    root_kind: u8,
    detail: u32,
    root: u32,
}

// SAFETY: it is made of integers, for which zeros are values.
unsafe impl Plain for Verdict {}

const OPEN: u8 = 0;
const STACK: u8 = 1;
const THREAD_LOCAL: u8 = 2;
const REGISTER: u8 = 3;
const STATIC: u8 = 4;
const ELSEWHERE: u8 = 5;
const BLOCK: u8 = 6;
const LOST: u8 = 7;
const LOST_THROUGH: u8 = 8;

impl Verdict {
    /// Of what a root holds.
    pub(super) fn of_root(held: Held) -> Self {
        let (kind, detail) = match held {
            Held::Stack { thread } => (STACK, thread),
            Held::ThreadLocal { thread } => (THREAD_LOCAL, thread),
            Held::Register { thread } => (REGISTER, thread),
            Held::Static { place } => (STATIC, place),
            Held::Elsewhere => (ELSEWHERE, 0),
            Held::Block { parent } => (BLOCK, parent),
            Held::Lost => (LOST, 0),
            Held::LostThrough { parent } => (LOST_THROUGH, parent),
        };
        Self { kind, root_kind: kind, detail, root: detail }
    }

    /// Of what nothing but its own cycle holds.
    pub(super) fn lost(block: u32) -> Self {
        Self { kind: LOST, root_kind: LOST, detail: 0, root: block }
    }

    /// Of what a block holds that has this verdict itself.
    pub(super) fn through(self, parent: u32) -> Self {
        let kind = if self.root_kind == LOST { LOST_THROUGH } else { BLOCK };
        Self { kind, detail: parent, ..self }
    }

    /// Whether it is that of what a variable itself holds.
    pub(super) fn is_static(self) -> bool {
        self.kind == STATIC
    }

    /// The same, from a place.
    pub(super) fn at(self, place: u32) -> Self {
        Self { detail: place, root: place, ..self }
    }

    /// Of what is lost: the block that is lost by itself.
    pub(super) fn lost_root(self) -> Option<u32> {
        (self.root_kind == LOST).then_some(self.root)
    }

    pub(super) fn is_open(self) -> bool {
        self.kind == OPEN
    }

    pub(super) fn held(self) -> Held {
        held(self.kind, self.detail)
    }

    /// What holds the first block of the chain.
    pub(super) fn root(self) -> Held {
        held(self.root_kind, self.root)
    }
}

fn held(kind: u8, detail: u32) -> Held {
    match kind {
        STACK => Held::Stack { thread: detail },
        THREAD_LOCAL => Held::ThreadLocal { thread: detail },
        REGISTER => Held::Register { thread: detail },
        STATIC => Held::Static { place: detail },
        ELSEWHERE => Held::Elsewhere,
        BLOCK => Held::Block { parent: detail },
        LOST_THROUGH => Held::LostThrough { parent: detail },
        _ => Held::Lost,
    }
}
