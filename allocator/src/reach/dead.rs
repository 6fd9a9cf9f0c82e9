//! Stacks of threads that have ended: the C library keeps them mapped, with all
//! that stands there, for threads to come.
//!
//! What tells them apart is what the C library knows of a thread, at the end of
//! its stack: the thread's id is gone from there when it has ended, and a link in
//! front of the id leads on to other threads, which lead back. So it is
//! known what stands there, whatever version it is of; where it is not found,
//! the stack is taken for memory in use.

use crate::os;

/// How far from its start a block is searched for the thread's id, in words.
const WORDS: usize = 128;
const WORD: usize = size_of::<usize>();

/// How the C library lays out what it knows of a thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Where the thread's id stands; right before it, the link.
    id_at: usize,
}

/// What stands where a thread's block once was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The block of a thread that has ended.
    Dead,
    /// Something else, or the block of a thread that lives.
    Other,
    /// Nothing.
    Nothing,
}

impl Layout {
    /// As the calling thread's own block shows; `None` where it does not.
    pub(super) fn here() -> Option<Self> {
        let block = os::thread_block();
        let mut words = [0; WORDS];
        let count = os::read_words(block, &mut words)?;
        let own = os::thread_id() as usize;
        let id_at = (2..count).map(|index| index * WORD).find(|&at| {
            words.get(at / WORD).is_some_and(|word| word & u32::MAX as usize == own)
                && is_linked(block + at)
        })?;
        Some(Self { id_at })
    }

    /// Looks at a block that was once noted.
    pub(super) fn look_at(self, block: usize) -> Found {
        let mut words = [0; 3];
        match os::read_words(block, &mut words) {
            Some(3) => {}
            Some(_) => return Found::Nothing,
            None => return Found::Other,
        }
        // On x86_64 a block tells its own address, twice.
        let is_block = !cfg!(target_arch = "x86_64") || [words[0], words[2]] == [block; 2];
        let mut id = [0];
        // The kernel stores 0, and whoever waits for the thread -1.
        let has_ended = os::read_words(block + self.id_at, &mut id) == Some(1) && id[0] as i32 <= 0;
        let is_dead = is_block && has_ended && is_linked(block + self.id_at);
        if is_dead { Found::Dead } else { Found::Other }
    }
}

/// Whether the link in front of an id leads to others that lead back.
fn is_linked(id: usize) -> bool {
    let link = id - 2 * WORD;
    let pair = |address: usize| {
        let mut words = [0; 2];
        let is_there =
            address.is_multiple_of(WORD) && os::read_words(address, &mut words) == Some(2);
        is_there.then_some(words)
    };
    pair(link).is_some_and(|[next, before]| {
        pair(next).is_some_and(|words| words[1] == link)
            && pair(before).is_some_and(|words| words[0] == link)
    })
}
