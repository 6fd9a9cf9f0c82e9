//! The block that an address is in, where its trailer still tells.
//!
//! A trailer's check word depends on its block's address and on the process's
//! key, so a word that fits an address in front of it is no accident.

use crate::limits::TRAILER_SIZE;
use crate::trailer::{self, Trailer};
use crate::{live, os, site};

/// How far around an address its block's start and end are looked for, in
/// bytes.
const REACH: usize = 16 << 10;
/// What every allocator aligns blocks to that are large enough to hold a
/// window.
const ALIGN: usize = 8;

/// The bytes behind an address.
pub(super) type Around = [u8; REACH];

/// A block of which a trailer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) address: usize,
    pub(super) size: usize,
    pub(super) site: u32,
    pub(super) is_live: bool,
}

/// The block that an address is in; `None` where it cannot be told, or where
/// two trailers contradict each other.
pub(super) fn around(address: usize, around: &mut Around) -> Option<Block> {
    let size = os::read_memory(address, around).ok()?;
    let behind = around.get(..size)?;
    let (mut live, mut released) = (None, None);
    for (at, bytes) in behind.windows(TRAILER_SIZE).enumerate().skip(1) {
        let Some(&bytes) = bytes.first_chunk::<TRAILER_SIZE>() else { continue };
        let word = u64::from_le_bytes(bytes);
        // No check word is even, and no block has a site that there is not.
        if word & 1 == 0 || !live::site_of((word >> 32) as u32).is_some_and(site::exists) {
            continue;
        }
        let last = address & !(ALIGN - 1);
        for start in (0..REACH / ALIGN).map_while(|steps| last.checked_sub(steps * ALIGN)) {
            let block =
                |site, is_live| Block { address: start, size: address + at - start, site, is_live };
            match trailer::judge(start, bytes) {
                Trailer::Live { site } if live.is_none() => live = Some(block(site, true)),
                Trailer::Released { site } if released.is_none() => {
                    released = Some(block(site, false));
                }
                _ => {}
            }
        }
    }
    match (live, released) {
        // Either is left over from another size of the block: which, none says.
        (Some(live), Some(released)) if live.address == released.address => None,
        (Some(live), _) => Some(live),
        (None, released) => released,
    }
}
