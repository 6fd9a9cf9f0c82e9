//! Blocks of a few words, which most are: overwritten where the release stands,
//! by stores that overlap. A call of memset takes as long again.

/// Larger ones are memset's.
pub(crate) const SIZE_MAX: usize = 128;

/// Overwrites up to [`SIZE_MAX`] bytes with zeros.
///
/// # Safety
/// `size` bytes at `start` are writable and nobody else's.
#[inline(always)]
pub(super) unsafe fn wipe(start: *mut u8, size: usize) {
    match size {
        // SAFETY: so many bytes are there, from either end.
        65.. => unsafe { ends::<64>(start, size) },
        // SAFETY: as above.
        32.. => unsafe { ends::<32>(start, size) },
        // SAFETY: as above.
        16.. => unsafe { ends::<16>(start, size) },
        // SAFETY: as above.
        8.. => unsafe { ends::<8>(start, size) },
        // SAFETY: as above.
        4.. => unsafe { ends::<4>(start, size) },
        // SAFETY: as above.
        2.. => unsafe { ends::<2>(start, size) },
        // SAFETY: as above.
        1 => unsafe { ends::<1>(start, size) },
        0 => {}
    }
}

/// Overwrites the first and the last bytes of a range that has no others.
///
/// # Safety
/// `size` bytes at `start` are writable, at least `PIECE`.
#[inline(always)]
unsafe fn ends<const PIECE: usize>(start: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { start.cast::<[u8; PIECE]>().write_unaligned([0; PIECE]) };
    // SAFETY: the place lies within the range.
    let last = unsafe { start.add(size - PIECE) };
    // SAFETY: as above.
    unsafe { last.cast::<[u8; PIECE]>().write_unaligned([0; PIECE]) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_of_every_size_is_overwritten_and_no_other() {
        for size in 0..=SIZE_MAX {
            let mut bytes = [7_u8; SIZE_MAX + 2];
            // SAFETY: the place lies within the bytes.
            let start = unsafe { bytes.as_mut_ptr().add(1) };
            // SAFETY: so many bytes follow.
            unsafe { wipe(start, size) };
            assert_eq!((bytes[0], bytes[size + 1]), (7, 7), "{size}");
            assert!(bytes[1..=size].iter().all(|&byte| byte == 0), "{size}");
        }
    }
}
