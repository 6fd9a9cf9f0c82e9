//! Return addresses, innermost first, how a capture of them ended, and what
//! they are known by.

use core::mem::MaybeUninit;

use crate::limits::STACK_DEPTH_MAX;

/// How a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At the outermost frame of the thread.
    Whole,
    /// At the depth that was asked for.
    Cut,
    /// Where the way on is not known: code that says nothing about its frames,
    /// or that was loaded a moment ago; memory that cannot be read.
    Lost,
    /// Every cache of the unwinder was in use.
    Busy,
}

/// Odd, and not that of the rules' keys.
pub(super) const HASH_FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

/// The hash of a frame and those above it, from theirs: a polynomial, so that
/// what frames at either end add to it can be taken out again.
#[inline(always)]
pub(super) fn hash_with(above: u64, address: usize) -> u64 {
    above.wrapping_add(address as u64).wrapping_mul(HASH_FACTOR)
}

/// Spreads a hash over all its bits.
#[inline(always)]
pub(super) fn folded(hash: u64) -> u64 {
    let wide = u128::from(hash).wrapping_mul(u128::from(HASH_FACTOR));
    wide as u64 ^ (wide >> 64) as u64
}

/// The return addresses of one stack, in place: nothing is written but what was
/// captured.
pub(super) struct Frames {
    count: usize,
    addresses: [MaybeUninit<usize>; STACK_DEPTH_MAX],
}

impl Frames {
    pub(super) const fn new() -> Self {
        Self { count: 0, addresses: [const { MaybeUninit::uninit() }; STACK_DEPTH_MAX] }
    }

    /// The addresses, innermost first.
    pub(super) fn addresses(&self) -> &[usize] {
        let captured = self.addresses.as_ptr().cast();
        // SAFETY: push() wrote so many, from the first on.
        unsafe { core::slice::from_raw_parts(captured, self.count) }
    }

    /// That of all addresses.
    pub(super) fn hash(&self) -> u64 {
        self.addresses().iter().rev().fold(0, |hash, &address| hash_with(hash, address))
    }

    /// Adds a frame above the others; false where there is no room.
    pub(super) fn push(&mut self, address: usize) -> bool {
        match self.addresses.get_mut(self.count) {
            Some(place) => {
                place.write(address);
                self.count += 1;
                true
            }
            None => false,
        }
    }

    /// Takes the outermost away.
    pub(super) fn pop(&mut self) {
        self.count = self.count.saturating_sub(1);
    }
}
