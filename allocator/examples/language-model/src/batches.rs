//! The corpus as a stream of batches: a piece of the file at a time is in
//! memory, however long the file.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use candle_core::{Device, Tensor};

use crate::error::Result;
use crate::tags;
use crate::tokenizer::Text;

/// How many lines are encoded together.
const LINES_PER_PIECE: usize = 64;

/// A batch: tokens, and for each of them the one that comes next.
pub struct Batch {
    /// Rows × columns.
    pub tokens: Tensor,
    /// As long as `tokens` has elements.
    pub targets: Tensor,
}

/// Reads a corpus batch by batch.
pub struct Batches<'a> {
    text: &'a Text,
    lines: std::io::Lines<BufReader<File>>,
    pending: Vec<u32>,
    rows: usize,
    columns: usize,
}

impl<'a> Batches<'a> {
    /// Begins at the corpus's first line.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(corpus: &Path, text: &'a Text, rows: usize, columns: usize) -> Result<Self> {
        let _scope = tags::INPUT.enter();
        let lines = BufReader::new(File::open(corpus)?).lines();
        Ok(Self { text, lines, pending: Vec::new(), rows, columns })
    }

    /// The next full batch; `None` at the end of the corpus.
    ///
    /// # Errors
    /// What the file system or `tokenizers` says.
    pub fn next(&mut self) -> Result<Option<Batch>> {
        let _scope = tags::INPUT.enter();
        let size = self.rows * self.columns;
        while self.pending.len() <= size {
            if !self.read_piece()? {
                return Ok(None);
            }
        }
        let tokens =
            Tensor::from_slice(&self.pending[..size], (self.rows, self.columns), &Device::Cpu)?;
        let targets = Tensor::from_slice(&self.pending[1..=size], size, &Device::Cpu)?;
        self.pending.drain(..size);
        Ok(Some(Batch { tokens, targets }))
    }

    fn read_piece(&mut self) -> Result<bool> {
        let mut piece = Vec::with_capacity(LINES_PER_PIECE);
        for line in self.lines.by_ref().take(LINES_PER_PIECE) {
            piece.push(line?);
        }
        for tokens in self.text.encode_batch(&piece)? {
            self.pending.extend(tokens);
            self.pending.push(self.text.end());
        }
        Ok(!piece.is_empty())
    }
}
