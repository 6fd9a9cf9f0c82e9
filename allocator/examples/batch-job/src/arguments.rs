//! The command line.

use std::path::PathBuf;

use crate::error::Result;
use crate::statistics::PART_ROWS;

/// What `--help` says.
pub const USAGE: &str = "\
batch-job: reads one table whole and in chunks, from Parquet and from HDF5

  --directory PATH     where the files and bills.json go (default: .)
  --seed NUMBER        what the table is made from (default: 1)
  --rows NUMBER        rows of the table (default: 2097152)
  --chunk-rows NUMBER  rows of a chunk, a multiple of 8192 (default: 131072)
  --threads NUMBER     threads that compute (default: 2)";

/// What was asked for.
pub struct Arguments {
    /// Where files go.
    pub directory: PathBuf,
    /// What the table is made from.
    pub seed: u64,
    /// Rows of the table.
    pub rows: usize,
    /// Rows of a chunk.
    pub chunk_rows: usize,
    /// Threads that compute.
    pub threads: usize,
}

impl Arguments {
    /// Reads the command line; `None` if it only asked for help.
    ///
    /// # Errors
    /// An argument that is unknown, lacks its value, or has none that can be.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut parsed = Self {
            directory: PathBuf::from("."),
            seed: 1,
            rows: 1 << 21,
            chunk_rows: 1 << 17,
            threads: 2,
        };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "--directory" => parsed.directory = value()?.into(),
                "--seed" => parsed.seed = value()?.parse()?,
                "--rows" => parsed.rows = value()?.parse()?,
                "--chunk-rows" => parsed.chunk_rows = value()?.parse()?,
                "--threads" => parsed.threads = value()?.parse()?,
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("unknown argument {name}; see --help").into()),
            }
        }
        // Parts are summed up one by one, so a chunk must not cut one in two.
        if parsed.chunk_rows == 0 || parsed.chunk_rows % PART_ROWS != 0 {
            return Err(format!("--chunk-rows must be a multiple of {PART_ROWS}").into());
        }
        if parsed.rows < PART_ROWS {
            return Err(format!("--rows must be at least {PART_ROWS}").into());
        }
        Ok(Some(parsed))
    }
}
