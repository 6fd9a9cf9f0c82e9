//! The byte-level BPE tokenizer: trained on the corpus, kept in a file.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use tokenizers::Tokenizer;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use crate::error::Result;
use crate::tags;

/// Ends a line of the corpus, and an answer.
pub const END: &str = "<end>";

/// Text to tokens and back.
pub struct Text {
    tokenizer: Tokenizer,
    end: u32,
}

impl Text {
    /// Learns merges from the corpus's lines and writes them to a file.
    ///
    /// # Errors
    /// What the file system or `tokenizers` says.
    pub fn train(corpus: &Path, path: &Path, vocabulary: usize) -> Result<()> {
        let _scope = tags::TOKENIZER.enter();
        let mut tokenizer = Tokenizer::new(ModelWrapper::BPE(BPE::default()));
        // Bytes only, no splitting into words: merges may cross spaces, and a
        // text reaches the model as one piece.
        let bytes = ByteLevel::new(false, false, false);
        tokenizer.with_pre_tokenizer(Some(bytes)).with_decoder(Some(bytes));
        let trainer = BpeTrainer::builder()
            .vocab_size(vocabulary)
            .min_frequency(2)
            .show_progress(false)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .special_tokens(vec![tokenizers::AddedToken::from(END, true)])
            .build();
        let lines = BufReader::new(File::open(corpus)?).lines().map_while(std::io::Result::ok);
        tokenizer.train(&mut TrainerWrapper::BpeTrainer(trainer), lines)?;
        tokenizer.save(path, false)?;
        Ok(())
    }

    /// Reads what [`Text::train`] wrote.
    ///
    /// # Errors
    /// A file that is missing or holds no such tokenizer.
    pub fn load(path: &Path) -> Result<Self> {
        let _scope = tags::TOKENIZER.enter();
        let tokenizer = Tokenizer::from_file(path)?;
        let end = tokenizer.token_to_id(END).ok_or("the tokenizer has no end token")?;
        Ok(Self { tokenizer, end })
    }

    /// The token that ends a text.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// How many tokens there are.
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// A text's tokens, in memory of the caller's tag: what `tokenizers` makes
    /// of a secret text is secret too, what it keeps of it in this thread's
    /// cache included.
    ///
    /// # Errors
    /// What `tokenizers` says.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        Ok(self.tokenizer.encode_fast(text, false)?.get_ids().to_vec())
    }

    /// The tokens of several texts, found on all of rayon's threads.
    ///
    /// # Errors
    /// What `tokenizers` says.
    pub fn encode_batch(&self, texts: &[String]) -> Result<Vec<Vec<u32>>> {
        let encodings = {
            let _scope = tags::TOKENIZER.enter();
            self.tokenizer.encode_batch_fast(texts.iter().map(String::as_str).collect(), false)?
        };
        Ok(encodings.iter().map(|encoding| encoding.get_ids().to_vec()).collect())
    }

    /// The text that tokens stand for.
    ///
    /// # Errors
    /// What `tokenizers` says.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        let _scope = tags::TOKENIZER.enter();
        self.tokenizer.decode(tokens, true)
    }
}
