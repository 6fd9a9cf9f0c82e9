//! A block that is searched for.

use super::pages::Plain;

/// A live block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) address: usize,
    pub(crate) size: usize,
    /// Whatever whoever asks wants to know the block by.
    pub(crate) note: u64,
    /// Whether it is scrubjay's own: held, and holding nothing.
    pub(crate) is_own: bool,
}

// SAFETY: it is made of integers, for which zeros are values.
unsafe impl Plain for Block {}

impl Block {
    /// The address behind its last byte.
    pub(super) fn end(&self) -> usize {
        self.address.saturating_add(self.size)
    }

    /// Whether an address, which is not before it, counts as a pointer to it.
    #[inline(always)]
    pub(super) fn holds(&self, address: usize, end_counts: bool) -> bool {
        let offset = address - self.address;
        offset < self.size || offset == self.size && end_counts
    }
}
