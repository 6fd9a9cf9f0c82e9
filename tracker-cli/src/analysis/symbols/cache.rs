//! What was found of a module is kept between runs, in a file a build-id:
//! a header, then chunks of symbols as in a log. Whatever is wrong with such a
//! file costs its content; it is made anew.

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use scrubjay_log_format::{CHUNK_SIZE_DEFAULT, ChunkHeader, ChunkKind, chunk};

use super::elf;
use super::find::{Sources, hex};
use super::frame::Code;
use super::names::Names;
use super::stored::{self, Known};
use crate::whole_file::{self, Readers};

/// The magic and the version of what follows: whatever changes what is found
/// of an address must change it.
const MAGIC: [u8; 8] = *b"jaysym\0\x01";
const HEADER_SIZE: usize = 64;
const CHECKSUM_AT: usize = HEADER_SIZE - 4;
const CHUNK_SIZE: usize = CHUNK_SIZE_DEFAULT as usize;
/// Larger caches are not kept.
const FILE_SIZE_MAX: usize = 256 << 20;

/// The folder where caches stand unless told otherwise, if the user has one.
pub fn default_folder() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let folder = PathBuf::from(std::env::var_os(name)?);
        folder.is_absolute().then_some(folder)
    };
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("scrubjay/symbols"))
}

/// The cache of one module.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    /// Which files it was made from; `None` where there are none any more.
    stamp: Option<u32>,
}

impl Cache {
    /// The cache of a module with this build-id, whose symbols come from these
    /// files now. Without a build-id nothing says what it is the cache of.
    pub fn new(folder: &Path, build_id: &[u8], sources: Option<&Sources>) -> Option<Self> {
        let name = hex(build_id);
        let path = folder.join(&name);
        (!name.is_empty()).then(|| Self { path, stamp: sources.map(stamp) })
    }

    /// What is known of the module's addresses. Where its files are gone that
    /// is what was once known of it.
    pub fn read(&self, names: &mut Names) -> Known {
        let read = elf::read(&self.path).ok().filter(|bytes| bytes.len() <= FILE_SIZE_MAX);
        let known = read.and_then(|bytes| self.decode(&bytes, names));
        tracing::debug!(path = %self.path.display(), is_used = known.is_some(), "symbol cache");
        known.unwrap_or_default()
    }

    fn decode(&self, bytes: &[u8], names: &mut Names) -> Option<Known> {
        let (header, chunks) = bytes.split_at_checked(HEADER_SIZE)?;
        let stamp = u32::from_le_bytes(header[8..12].try_into().ok()?);
        let is_current = self.stamp.is_none_or(|now| now == stamp);
        if header != encode_header(stamp, chunks.len()) || !is_current {
            return None;
        }
        let mut known = Known::new();
        for (index, bytes) in (0..).zip(chunks.chunks(CHUNK_SIZE)) {
            let header = ChunkHeader::decode(bytes, index).ok()??;
            let is_whole = header.kind == ChunkKind::Symbols as u16
                && header.payload_checksum == Some(chunk::payload_checksum(bytes));
            if !is_whole || stored::read_chunk(bytes, names, &mut known).is_err() {
                return None;
            }
        }
        Some(known)
    }

    /// Keeps what is known, in the place of what was kept before.
    ///
    /// # Errors
    /// Where the folder or the file cannot be written.
    pub fn write(&self, known: &Known) -> io::Result<()> {
        let Some(stamp) = self.stamp else { return Ok(()) };
        let mut addresses: Vec<u64> = known.keys().copied().collect();
        addresses.sort_unstable();
        // That there is nothing is worth knowing, too.
        let nothing = [Code::default()];
        let frames = addresses.iter().flat_map(|address| {
            let codes = known.get(address).filter(|codes| !codes.is_empty());
            stored::frames(*address, codes.map_or(&nothing[..], Vec::as_slice))
        });
        let chunks = stored::chunks(frames, CHUNK_SIZE_DEFAULT, 0).concat();
        if chunks.len() > FILE_SIZE_MAX - HEADER_SIZE {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        whole_file::write(&self.path, Readers::Owner, true, |file| {
            file.write_all(&encode_header(stamp, chunks.len()))?;
            file.write_all(&chunks)
        })
    }
}

fn encode_header(stamp: u32, size: usize) -> [u8; HEADER_SIZE] {
    let mut bytes = [0; HEADER_SIZE];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&stamp.to_le_bytes());
    bytes[16..24].copy_from_slice(&(size as u64).to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..CHECKSUM_AT]);
    bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Tells these files from others, and from themselves once they have changed.
fn stamp(sources: &Sources) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    let beside = [&sources.supplement, &sources.package];
    for path in std::iter::once(&sources.main).chain(beside.into_iter().flatten()) {
        hasher.update(path.as_os_str().as_encoded_bytes());
        if let Ok(about) = fs::metadata(path) {
            for word in [about.len(), about.mtime() as u64, about.mtime_nsec() as u64] {
                hasher.update(&word.to_le_bytes());
            }
        }
        hasher.update(&[0]);
    }
    hasher.finalize()
}
