//! SipHash-2-4 (Aumasson and Bernstein, 2012): 64 bits of a text that tell
//! nothing of it to whoever lacks the key, and in which nobody without it can
//! make two texts meet.

/// The hash of some bytes under a key.
pub(crate) fn hash([low, high]: [u64; 2], bytes: &[u8]) -> u64 {
    let mut state = [
        low ^ 0x736f_6d65_7073_6575,
        high ^ 0x646f_7261_6e64_6f6d,
        low ^ 0x6c79_6765_6e65_7261,
        high ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = bytes.as_chunks();
    for word in words {
        take_in(&mut state, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = bytes.len() as u8;
    take_in(&mut state, u64::from_le_bytes(last));
    state[2] ^= 0xff;
    for _ in 0..4 {
        round(&mut state);
    }
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

#[inline]
fn take_in(state: &mut [u64; 4], word: u64) {
    state[3] ^= word;
    round(state);
    round(state);
    state[0] ^= word;
}

#[inline]
fn round([a, b, c, d]: &mut [u64; 4]) {
    *a = a.wrapping_add(*b);
    *c = c.wrapping_add(*d);
    *b = b.rotate_left(13) ^ *a;
    *d = d.rotate_left(16) ^ *c;
    *a = a.rotate_left(32);
    *c = c.wrapping_add(*b);
    *a = a.wrapping_add(*d);
    *b = b.rotate_left(17) ^ *c;
    *d = d.rotate_left(21) ^ *a;
    *c = c.rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key 00 01 … 0f, and texts 00 01 …, as in the paper's appendix and in the
    /// reference implementation's `vectors_sip64`.
    #[test]
    fn it_is_siphash() {
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let text: Vec<u8> = (0..64).collect();
        let expected = [
            (0, 0x726f_db47_dd0e_0e31),
            (1, 0x74f8_39c5_93dc_67fd),
            (7, 0xab02_00f5_8b01_d137),
            (8, 0x93f5_f579_9a93_2462),
            (15, 0xa129_ca61_49be_45e5),
        ];
        for (size, hashed) in expected {
            assert_eq!(hash(key, &text[..size]), hashed, "{size}");
        }
    }

    #[test]
    #[allow(deprecated, reason = "it is the same function, kept by std for its users")]
    fn it_is_the_standard_librarys() {
        use std::hash::{Hasher, SipHasher};

        let text: Vec<u8> = (0..=255).rev().collect();
        for size in 0..text.len() {
            let mut theirs = SipHasher::new_with_keys(1, u64::MAX);
            theirs.write(&text[..size]);
            assert_eq!(hash([1, u64::MAX], &text[..size]), theirs.finish(), "{size}");
        }
    }
}
