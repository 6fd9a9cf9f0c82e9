//! The eight bytes right behind each block: a check word, then the site, or the
//! record that has it.
//!
//! The check word depends on all of that, on the address and on a key of this
//! process; its lowest byte, the first behind the block, is never 0, so that a
//! string's terminator written one too far is caught. At release the trailer
//! becomes a tombstone, which tells a second release from an overflow for as
//! long as the inner allocator leaves it alone.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::limits::{LIVE_MAX, SITES_MAX, TRAILER_SIZE};
use crate::{live, os, wipe};

/// Added to the name of a block that was charged to a budget. Neither a site nor a
/// record's number gets there.
pub(crate) const CHARGED: u32 = 1 << 30;

const _: () = assert!(SITES_MAX <= CHARGED as usize);
const _: () = assert!(LIVE_MAX <= CHARGED as usize);

/// The process's key; 0 until [`choose_key`].
static KEY: AtomicU64 = AtomicU64::new(0);

/// What tells a tombstone's check word from a live one.
const TOMBSTONE: u32 = 0x5bd1_e994;

/// What stands behind a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trailer {
    /// The block is whole and live.
    Live {
        /// The block's site.
        site: u32,
    },
    /// The block was released already.
    Released {
        /// The site that it had.
        site: u32,
    },
    /// Only the byte right behind the block is wrong: an overflow by one.
    Overrun {
        /// The block's site.
        site: u32,
    },
    /// Nothing that can be known.
    Unknown,
}

/// Draws the key. Called once, before the first block.
pub(crate) fn choose_key() {
    KEY.store(os::random() | 1, Ordering::Relaxed);
}

#[inline]
fn check_word(address: usize, name: u32, key: u64) -> u32 {
    // Fibonacci hashing (Knuth, TAOCP 3, 6.4): the high half of the product
    // depends on all bits of the address.
    let known = address as u64 ^ key ^ u64::from(name) << 32;
    (known.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 | 1
}

#[inline]
fn word(address: usize, name: u32, key: u64) -> u64 {
    u64::from(check_word(address, name, key)) | u64::from(name) << 32
}

/// Writes the trailer of a live block, which names its site or its record, plus
/// [`CHARGED`] where a budget counts it.
///
/// # Safety
/// The block has `size + TRAILER_SIZE` writable bytes.
#[inline]
pub(crate) unsafe fn write(block: *mut u8, size: usize, name: u32) {
    let word = word(block as usize, name, KEY.load(Ordering::Relaxed));
    // SAFETY: the trailer lies within the bytes that the caller promised.
    let place = unsafe { block.add(size) };
    // SAFETY: as above, and no alignment is assumed.
    unsafe { place.cast::<u64>().write_unaligned(word.to_le()) };
}

/// Turns a valid trailer into a tombstone, which names the site: the record may
/// be another block's by now.
///
/// # Safety
/// As for [`write`].
#[inline]
pub(crate) unsafe fn bury(block: *mut u8, size: usize, valid: Valid) {
    let word = if valid.record().is_none() {
        valid.word
    } else {
        word(block as usize, valid.site, KEY.load(Ordering::Relaxed))
    };
    let word = word ^ u64::from(TOMBSTONE);
    // SAFETY: the trailer lies within the bytes that the caller promised.
    let place = unsafe { block.add(size) };
    // SAFETY: as above, and no alignment is assumed.
    unsafe { place.cast::<u64>().write_unaligned(word.to_le()) };
    // The release that follows would make this store dead, too.
    wipe::keep(place);
}

/// The trailer of a whole and live block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Valid {
    word: u64,
    site: u32,
}

impl Valid {
    /// The block's site.
    #[inline(always)]
    pub(crate) fn site(self) -> u32 {
        self.site
    }

    /// What the trailer names.
    #[inline(always)]
    fn name(self) -> u32 {
        name_in(self.word)
    }

    /// [`CHARGED`], or 0 for a block that no budget counts.
    #[inline(always)]
    pub(crate) fn charge(self) -> u32 {
        (self.word >> 32) as u32 & CHARGED
    }

    /// What the trailer names, if that is a record.
    #[inline(always)]
    pub(crate) fn record(self) -> Option<u32> {
        (!live::is_site(self.name())).then(|| self.name())
    }
}

#[inline(always)]
fn name_in(word: u64) -> u32 {
    (word >> 32) as u32 & !CHARGED
}

/// The trailer of a whole and live block; `None` where something is wrong.
///
/// # Safety
/// The bytes `size..size + TRAILER_SIZE` behind `block` are readable.
#[inline]
pub(crate) unsafe fn read(block: *const u8, size: usize) -> Option<Valid> {
    // SAFETY: the caller's promise.
    let word = unsafe { checked(block, size) }?;
    // The check word alone would let one in 2^31 others pass.
    let site = live::site_of(name_in(word))?;
    Some(Valid { word, site })
}

/// As [`read`], of a block without a record or a charge whose site lies below
/// `end`; `None` also for others.
///
/// # Safety
/// As for [`read`].
#[inline(always)]
pub(crate) unsafe fn read_below(block: *const u8, size: usize, end: u32) -> Option<Valid> {
    // SAFETY: the caller's promise.
    let word = unsafe { checked(block, size) }?;
    let site = (word >> 32) as u32;
    (site < end).then_some(Valid { word, site })
}

/// The trailer, if its check word is right.
///
/// # Safety
/// As for [`read`].
#[inline(always)]
unsafe fn checked(block: *const u8, size: usize) -> Option<u64> {
    // SAFETY: the caller's promise.
    let place = unsafe { block.add(size) };
    // SAFETY: as above, and no alignment is assumed.
    let found = u64::from_le(unsafe { place.cast::<u64>().read_unaligned() });
    let check = check_word(block as usize, (found >> 32) as u32, KEY.load(Ordering::Relaxed));
    (found as u32 == check).then_some(found)
}

/// What the bytes behind a block say.
pub(crate) fn judge(address: usize, found: [u8; TRAILER_SIZE]) -> Trailer {
    let found = u64::from_le_bytes(found);
    let key = KEY.load(Ordering::Relaxed);
    let Some(site) = live::site_of(name_in(found)) else { return Trailer::Unknown };
    let live = check_word(address, (found >> 32) as u32, key);
    if found as u32 == live {
        Trailer::Live { site }
    } else if found as u32 == live ^ TOMBSTONE {
        Trailer::Released { site }
    } else if found as u32 >> 8 == live >> 8 {
        Trailer::Overrun { site }
    } else {
        Trailer::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(block: &[u8], size: usize) -> [u8; TRAILER_SIZE] {
        block[size..size + TRAILER_SIZE].try_into().unwrap()
    }

    #[test]
    fn a_trailer_tells_live_released_and_overrun_apart() {
        choose_key();
        for size in 0..64 {
            let mut block = [0_u8; 80];
            let address = block.as_ptr() as usize;
            // SAFETY: 80 bytes hold every size with its trailer.
            unsafe { write(block.as_mut_ptr(), size, 7) };
            assert_eq!(judge(address, behind(&block, size)), Trailer::Live { site: 7 });
            // SAFETY: as above.
            let valid = unsafe { read(block.as_ptr(), size) }.unwrap();
            assert_eq!(valid.site(), 7);

            let first = block[size];
            assert_ne!(first, 0, "a NUL behind the block must be seen");
            block[size] = 0;
            // SAFETY: as above.
            assert_eq!(unsafe { read(block.as_ptr(), size) }, None);
            assert_eq!(judge(address, behind(&block, size)), Trailer::Overrun { site: 7 });
            block[size] = first;

            // SAFETY: as above.
            unsafe { bury(block.as_mut_ptr(), size, valid) };
            assert_eq!(judge(address, behind(&block, size)), Trailer::Released { site: 7 });
        }
    }

    #[test]
    fn another_blocks_trailer_is_not_valid() {
        choose_key();
        let mut block = [0_u8; 80];
        // SAFETY: the block has 80 bytes.
        unsafe { write(block.as_mut_ptr(), 16, 7) };
        let moved = block.as_ptr() as usize + 16;
        assert_eq!(judge(moved, behind(&block, 16)), Trailer::Unknown);
    }
}
