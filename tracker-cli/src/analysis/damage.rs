//! Parts of a log that cannot be used, each with its place in the file.

use std::fmt;

use serde::Serialize;

/// A part that was skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Where in the file, in bytes.
    pub offset: u64,
    /// The chunk's place in the file, in chunks.
    pub chunk: u32,
    /// What is wrong, without the place.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "offset {}: chunk {}: {}", self.offset, self.chunk, self.what)
    }
}

/// How many places are kept; the rest is only counted, since a log may be
/// damaged all over and memory must not grow with it.
const KEPT_MAX: usize = 100;

/// All that was skipped on one way through the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damages {
    kept: Vec<Damage>,
    count: u64,
}

impl Damages {
    /// Notes one more, once a chunk and reason.
    pub fn add(&mut self, damage: Damage) {
        if self.kept.contains(&damage) {
            return;
        }
        self.count += 1;
        if self.kept.len() < KEPT_MAX {
            self.kept.push(damage);
        }
    }

    /// Adds what another way through the same file has found.
    pub fn merge(&mut self, other: Self) {
        let beyond = other.count - other.kept.len() as u64;
        for damage in other.kept {
            self.add(damage);
        }
        self.count += beyond;
    }

    /// The first of them, in the order found.
    pub fn kept(&self) -> &[Damage] {
        &self.kept
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether nothing was skipped.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
