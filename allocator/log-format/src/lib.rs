//! The bytes of a scrubjay log: encode beside decode.
//!
//! A log is a file of equal chunks. Chunk 0 holds the [`FileHeader`] and the
//! [`process`] words; every other chunk starts with a [`ChunkHeader`] and holds
//! records of one kind. The allocator counts *in* these bytes, mapped from the
//! file, so nothing has to be flushed when the process dies.
//!
//! | module | bytes of |
//! | --- | --- |
//! | [`header`] | the file header: what ran, with which settings |
//! | [`process`] | counters of the process as a whole |
//! | [`chunk`] | the header that makes a chunk decodable alone |
//! | [`tag`] | a tag's declaration, and its published totals |
//! | [`thread`] | one thread slot |
//! | [`cell`] | the counters of one thread slot and tag |
//! | [`frame`] | what was live per tag at one moment |
//! | [`registry`] | the live blocks of watched tags |
//! | [`event`] | something that happened to a block |
//! | [`stack`] | stacks: a prefix tree of frames |
//! | [`site`] | sites: declarations, counters, and caches in front of them |
//! | [`peak`] | what was live of each site at peaks |
//! | [`scan`] | how live blocks were held when memory was searched |
//! | [`vitals`] | what the kernel says of the process |
//! | [`module`] | the program and its libraries in memory |
//! | [`note`] | what the program says about itself |
//! | [`symbols`] | functions and lines of addresses |
//!
//! Everything is little-endian. The specification is `FORMAT.md`; its examples
//! are this crate's doctests.
#![forbid(unsafe_code)]

mod bytes;
pub mod cell;
pub mod chunk;
mod error;
pub mod event;
pub mod external;
pub mod frame;
pub mod header;
pub mod module;
pub mod note;
pub mod peak;
pub mod pressure;
pub mod process;
pub mod registry;
pub mod scan;
pub mod site;
pub mod stack;
pub mod symbols;
pub mod tag;
pub mod thread;
pub mod vitals;

pub use chunk::{ChunkHeader, ChunkKind};
pub use error::FormatError;
pub use event::{Event, EventKind};
pub use header::{ClockKind, FileHeader, Mode, WipePolicy};
pub use module::Module;
pub use note::Note;
pub use registry::Registered;
pub use scan::Scan;
pub use site::SiteDeclaration;
pub use stack::StackNode;
pub use symbols::{SymbolChunk, SymbolFrame, SymbolFrames};
pub use tag::{TagClass, TagDeclaration, WipeRequest};
pub use vitals::Vitals;

/// The specification, whose examples run as doctests.
#[cfg(doctest)]
#[doc = include_str!("../FORMAT.md")]
pub struct Specification;

/// First bytes of every log.
pub const FILE_MAGIC: [u8; 8] = *b"SCRUBJAY";
/// The version that this crate writes, and the newest that it reads.
pub const VERSION: u32 = 2;

/// Smallest size of a chunk in bytes: one page of cells must fit.
pub const CHUNK_SIZE_MIN: u32 = 4 << 10;
/// Greatest size of a chunk in bytes.
pub const CHUNK_SIZE_MAX: u32 = 4 << 20;
/// Size of a chunk unless told otherwise.
pub const CHUNK_SIZE_DEFAULT: u32 = 64 << 10;

/// How many tags a log can hold, "untagged" (0) included. A site below this
/// index is the stackless site of the tag with the same index.
pub const TAG_COUNT_MAX: u32 = 4096;
/// How many neighbouring tags share a page of cells or a row of a frame.
pub const TAGS_PER_GROUP: u32 = 16;
/// How many groups of tags there can be.
pub const GROUP_COUNT_MAX: u32 = TAG_COUNT_MAX / TAGS_PER_GROUP;

const _: () = assert!(TAG_COUNT_MAX.is_multiple_of(TAGS_PER_GROUP));
const _: () = assert!(chunk::HEADER_SIZE + cell::PAGE_SIZE <= CHUNK_SIZE_MIN as usize);
const _: () = assert!(chunk::HEADER_SIZE + site::CACHE_PAGE_SIZE <= CHUNK_SIZE_MIN as usize);
const _: () = assert!(chunk::HEADER_SIZE + vitals::SIZE <= CHUNK_SIZE_MIN as usize);
const _: () = assert!(chunk::HEADER_SIZE + module::SIZE <= CHUNK_SIZE_MIN as usize);
const _: () = assert!(process::OFFSET + process::SIZE <= CHUNK_SIZE_MIN as usize);
