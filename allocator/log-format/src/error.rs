//! Why bytes are not what a log says they are.

use core::fmt;

use crate::VERSION;

/// A defect of one record, without its place: whoever reads the file knows the
/// offset and adds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes end before the record does.
    Truncated {
        /// Size of the record in bytes.
        needed: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// The first bytes are not those of a log or of a chunk.
    Magic,
    /// Written by a newer scrubjay.
    Version(u32),
    /// The checksum does not match the bytes.
    Checksum {
        /// What stands in the record.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// A size or count outside its limits.
    Limit {
        /// The field's name.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A field has a value that has no meaning.
    Value {
        /// The field's name.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A chunk that says it stands elsewhere.
    Misplaced {
        /// The index that it names.
        stored: u32,
        /// The index where it was found.
        found: u32,
    },
}

impl fmt::Display for FormatError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { needed, found } => {
                write!(out, "cut short: {needed} bytes needed, {found} there")
            }
            Self::Magic => out.write_str("not a scrubjay log (wrong magic)"),
            Self::Version(version) => {
                write!(out, "version {version} is newer than this program's {VERSION}")
            }
            Self::Checksum { stored, computed } => {
                write!(out, "checksum {stored:08x} stored, {computed:08x} computed")
            }
            Self::Limit { field, value } => write!(out, "{field} {value} is outside its limits"),
            Self::Value { field, value } => write!(out, "{field} {value} has no meaning"),
            Self::Misplaced { stored, found } => {
                write!(out, "says it is chunk {stored} but stands at {found}")
            }
        }
    }
}

impl core::error::Error for FormatError {}
