//! Secret prompts: text from a keyed stream, so that no copy of it stands in
//! any program or corpus.

use std::fs::File;
use std::io::Read;

use anyhow::Result;

/// How many prompts there are.
const PROMPT_COUNT: usize = 6;
/// `tokenizers` caches texts below 256 bytes, where a space counts as two.
const PROMPT_SIZE: std::ops::Range<usize> = 150..200;

const CONSONANTS: &[u8] = b"bcdfghjklmnpqrstvwxz";
const VOWELS: &[u8] = b"aeiouy";

/// A new key, from the system.
pub fn key() -> Result<[u64; 2]> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let key = u128::from_le_bytes(bytes);
    Ok([key as u64, (key >> 64) as u64])
}

/// The prompts that belong to a key: sentences of words that nobody knows.
pub fn draw(key: &[u64; 2]) -> Vec<String> {
    let mut stream = Stream { state: key[0], step: key[1] | 1 };
    (0..PROMPT_COUNT)
        .map(|_| {
            let size = PROMPT_SIZE.start + stream.below(PROMPT_SIZE.len());
            let mut prompt = String::new();
            while prompt.len() < size {
                let word = stream.word();
                prompt += if prompt.is_empty() { "" } else { " " };
                prompt += &word;
            }
            prompt + "?"
        })
        .collect()
}

/// SplitMix64 with a step of its own: two keys share no stream.
struct Stream {
    state: u64,
    step: u64,
}

impl Stream {
    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(self.step);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    /// One to seven syllables: names and the like are longer than a window.
    fn word(&mut self) -> String {
        let mut word = String::new();
        for _ in 0..=self.below(7) {
            word.push(CONSONANTS[self.below(CONSONANTS.len())].into());
            word.push(VOWELS[self.below(VOWELS.len())].into());
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_draws_its_own_prompts_and_each_has_long_words() {
        let prompts = draw(&[1, 2]);
        assert_eq!(prompts, draw(&[1, 2]));
        assert_ne!(prompts, draw(&[1, 4]));
        for prompt in &prompts {
            let spaces = prompt.matches(' ').count();
            assert!(prompt.len() + spaces < 256, "{prompt}");
            assert!(prompt.split(' ').filter(|word| word.len() >= 10).count() >= 3, "{prompt}");
        }
    }
}
