//! The secret of a key as text, made where it goes.

use crate::random::Random;

/// Of 64 letters each stands for 6 bits; the secret repeats after so many.
pub(super) const PERIOD: usize = 4096;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~";
/// So that no text is made of the words of the same key's bytes.
const KEY: u64 = 0x7465_7874;

/// Writes the text of a key over bytes.
pub(super) fn plant_text(key: u64, bytes: &mut [u8]) {
    for piece in bytes.chunks_mut(PERIOD) {
        let mut random = Random::new(key ^ KEY);
        for letter in piece {
            *letter = LETTERS[random.below(LETTERS.len())];
        }
    }
}

/// A string that holds the text of a key.
pub(super) fn text(key: u64, size: usize) -> String {
    let mut bytes = vec![0; size];
    plant_text(key, &mut bytes);
    String::from_utf8(bytes).expect("letters")
}
