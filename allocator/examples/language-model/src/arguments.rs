//! The command line.

use std::path::PathBuf;

use crate::error::Result;

/// What `--help` says.
pub const USAGE: &str = "\
language-model: trains a small language model, then answers prompts

Prompts are read from standard input, one a line, up to an empty line.

  --directory PATH  where corpus, tokenizer and checkpoints go (default: .)
  --seed NUMBER     what corpus and fresh weights are made from (default: 1)
  --steps NUMBER    how long to train (default: 80)
  --layers NUMBER   layers of the model (default: 2)
  --threads NUMBER  how many prompts to answer at a time (default: 2)
  --wait            after everything was dropped, wait for a line on standard
                    input before the end";

/// What was asked for.
pub struct Arguments {
    /// Where files go.
    pub directory: PathBuf,
    /// What corpus and fresh weights are made from.
    pub seed: u64,
    /// How long to train.
    pub steps: usize,
    /// Layers of the model.
    pub layers: usize,
    /// Threads that serve.
    pub threads: usize,
    /// Whether to wait before the end.
    pub wait: bool,
}

impl Arguments {
    /// Reads the command line; `None` if it only asked for help.
    ///
    /// # Errors
    /// An argument that is unknown or lacks its value.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut parsed = Self {
            directory: PathBuf::from("."),
            seed: 1,
            steps: 80,
            layers: 2,
            threads: 2,
            wait: false,
        };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "--directory" => parsed.directory = value()?.into(),
                "--seed" => parsed.seed = value()?.parse()?,
                "--steps" => parsed.steps = value()?.parse()?,
                "--layers" => parsed.layers = value()?.parse()?,
                "--threads" => parsed.threads = value()?.parse()?,
                "--wait" => parsed.wait = true,
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("unknown argument {name}; see --help").into()),
            }
        }
        Ok(Some(parsed))
    }
}
