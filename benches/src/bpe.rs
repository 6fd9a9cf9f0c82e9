//! The workload of a real library: `tokenizers` trains a BPE and encodes.

use std::hint::black_box;

use tokenizers::Tokenizer;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

const LINE_COUNT: usize = 100;
const VOCABULARY_SIZE: usize = 600;

/// Trains on some lines, then encodes them, so many times.
pub fn train_and_encode(operations: u64) {
    let lines: Vec<String> = (0..LINE_COUNT).map(line).collect();
    for _ in 0..operations {
        let Some(count) = once(&lines) else { panic!("tokenizers failed") };
        black_box(count);
    }
}

fn once(lines: &[String]) -> Option<usize> {
    let mut tokenizer = Tokenizer::new(ModelWrapper::BPE(BPE::default()));
    tokenizer.with_pre_tokenizer(Some(ByteLevel::default()));
    let trainer = BpeTrainer::builder().vocab_size(VOCABULARY_SIZE).show_progress(false).build();
    tokenizer.train(&mut TrainerWrapper::BpeTrainer(trainer), lines.iter()).ok()?;
    let mut count = 0;
    for line in lines {
        count += tokenizer.encode(line.as_str(), false).ok()?.len();
    }
    Some(count)
}

/// A line of words that repeat and vary as those of a language do.
fn line(index: usize) -> String {
    const STEMS: [&str; 8] =
        ["jay", "acorn", "forest", "remember", "hide", "winter", "branch", "cache"];
    const ENDS: [&str; 5] = ["", "s", "ing", "ed", "er"];
    (0..12)
        .map(|place| {
            let word = index * 12 + place;
            format!("{}{} ", STEMS[word * 5 % 8], ENDS[(word * 3 + index / 7) % 5])
        })
        .collect()
}
